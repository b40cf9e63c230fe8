"""Reading practice: sentences about invented things that are in no workspace, and questions about them.

The reader adapter learns three things. To judge: does this sentence answer this question (a pointwise reranker,
monoT5, Nogueira et al. 2020)? In the same prompt, to foresee the question that a sentence answers: how likely the
question is after the sentence ranks sentences too (query likelihood, Ponte and Croft 1998; UPR, Sachan et al. 2022),
errs elsewhere than the verdict, and every token of a question teaches. And to quote: repeat the sentence that
answers. Contrast decides whether it learns to read: the same question with the sentence that answers and with those
that a search brings for it. The records were written by hand.
"""

import json
import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.prompts import DOCUMENTS_DO_NOT_SAY, JUDGEMENTS, judge_messages, reader_messages
from arena.scoring import contains
from finetune.branches import ChatTokenizer, Group, Sample, grouped

RECORDS = Path(__file__).parent / "practice" / "records.jsonl"
WRONG, LOOK_ALIKES, OTHERS = 2, 4, 1
"""Sentences that do not answer, for each that does: so many out of so many that a search brings first for the question,
and so many of the rest that it brings. They are what a judge is put before, wherever they come from."""
MISSING = 3
"""Questions without an answer, to a record and epoch."""
QUOTES, JUDGED = 1, 0.6
"""Questions to quote from, to a record and epoch: copying is learnt quickly. And the share of those with an answer in
the prompt that follows a judge."""
BRANCHES = 8
"""Questions about one sentence to a row, at most."""
HELD_OUT_EVERY = 12
"""Every twelfth record is never trained on. Half of them fit the judge's calibration, the others tell whether reading
generalises."""


Alike = Callable[[str], Sequence[str]]
"""A question -> the sentences of all records that are most like it, the nearest first."""
Search = Callable[[str], Sequence[tuple[str, float]]]
"""A question -> the sentences that RAG would put before its judge, each with the score that it was found by."""


@dataclass(frozen=True)
class Record:
    """Sentences about siblings; questions as (indices of the sentences that answer, wordings); near misses."""

    id: str
    sentences: tuple[str, ...]
    questions: tuple[tuple[tuple[int, ...], tuple[str, ...]], ...]
    missing: tuple[str, ...]
    topic: str = ""


def load_records(path: Path = RECORDS) -> list[Record]:
    """Raises `WorkspaceError` with the line number when a record is malformed."""
    records = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            questions = tuple((tuple(item["support"]), tuple(item["ask"])) for item in row["questions"])
            record = Record(row["id"], tuple(row["sentences"]), questions, tuple(row["missing"]), row["topic"])
            assert all(0 <= i < len(record.sentences) for support, _ in questions for i in support), "support index"
        except (ValueError, KeyError, AssertionError) as error:
            raise WorkspaceError(f"{path}, line {number}: {error!r}") from None
        records.append(record)
    return records


def split(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """(training, held out) records."""
    held_out = [record for index, record in enumerate(records) if index % HELD_OUT_EVERY == 0]
    return [record for index, record in enumerate(records) if index % HELD_OUT_EVERY], held_out


def judging(
    record: Record, question: str, support: Sequence[int], chance: random.Random, alike: Sequence[str]
) -> list[Sample]:
    """One question before the sentences that answer it and some of those that are `alike` and do not."""
    said = record.sentences
    answer = [said[index] for index in support]
    wrong = [text for text in alike if text not in answer]
    near, rest = wrong[:LOOK_ALIKES], wrong[LOOK_ALIKES:]
    drawn = chance.sample(near, min(WRONG, len(near))) + chance.sample(rest, min(OTHERS, len(rest)))
    yes, no = JUDGEMENTS
    shown = [(text, no) for text in drawn]
    if len(answer) == 1:
        shown.append((answer[0], yes))
    else:
        # What takes two sentences is answered by neither alone, and not by the first with another.
        shown += [(text, no) for text in answer]
        if answer:
            shown.append((" ".join(answer), yes))
        if wrong[1:]:
            shown.append((f"{answer[0] if answer else wrong[1]} {wrong[0]}", no))
    chance.shuffle(shown)
    return [_judged(question, text, verdict) for text, verdict in shown]


def _judged(question: str, text: str, verdict: str) -> Sample:
    # Only a question that its sentence answers is worth foreseeing; with the other sentences it is to be less likely.
    opening = tuple(judge_messages("", text))
    return Sample(tuple(judge_messages(question, text)), verdict, opening, verdict == JUDGEMENTS[0])


def quoting(record: Record, chance: random.Random, refuse: float = 0.12, judged: float = JUDGED) -> list[Sample]:
    """Questions on one to three sentences, those that answer mostly first, as a judge would have ordered them.
    A share `refuse` has no answer; of the others a share `judged` is as after a judge, whose prompt does not offer
    refusing."""
    samples = []
    for support, wordings in chance.sample(record.questions, min(QUOTES, len(record.questions))):
        others = [index for index in range(len(record.sentences)) if index not in support]
        drawn = chance.sample(others, min(chance.choice((0, 0, 0, 1, 2)), len(others)))
        answer = " ".join(record.sentences[index] for index in support)
        shown = [*drawn, *support] if chance.random() < 0.3 else [*support, *drawn]
        if chance.random() < refuse:
            shown, answer = drawn or others[:1], DOCUMENTS_DO_NOT_SAY
        chosen = answer != DOCUMENTS_DO_NOT_SAY and chance.random() < judged
        messages = reader_messages(chance.choice(wordings), [record.sentences[i] for i in shown], judged=chosen)
        samples.append(Sample(tuple(messages), answer))
    return samples


def reader_steps(
    records: Sequence[Record], tokenizer: ChatTokenizer, epochs: float, seed: int, alike: Alike
) -> list[list[Group]]:
    """All steps of a run in order, each of one record, so that the sentences before a question can be compared. An
    epoch holds one wording of every question (the next epoch the next one), some questions without an answer, and some
    to quote from; a last one may be cut short."""
    steps: list[list[Group]] = []
    for epoch in range(math.ceil(epochs)):
        steps += _epoch(records, tokenizer, epoch, min(1.0, epochs - epoch), seed, alike)
    return steps


def _epoch(
    records: Sequence[Record], tokenizer: ChatTokenizer, epoch: int, share: float, seed: int, alike: Alike
) -> list[list[Group]]:
    chance = random.Random(f"{seed}-{epoch}")
    order = list(enumerate(records))
    chance.shuffle(order)
    steps = []
    for number, record in order[: round(len(order) * share)]:
        samples = []
        for place, (support, wordings) in enumerate(record.questions):
            question = wordings[(number + place + epoch) % len(wordings)]
            samples += judging(record, question, support, chance, alike(question))
        for question in chance.sample(record.missing, min(MISSING, len(record.missing))):
            samples += judging(record, question, (), chance, alike(question))
        groups = by_sentence(samples) + [[sample] for sample in quoting(record, chance)]
        steps.append([grouped(group, tokenizer) for group in groups])
    return steps


def by_sentence(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Judging samples that begin alike together, at most `BRANCHES` to a row."""
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        found[sample.messages[-1]["content"].split("\nQuestion: ")[0]].append(sample)
    return [group[start : start + BRANCHES] for group in found.values() for start in range(0, len(group), BRANCHES)]


@dataclass(frozen=True)
class Asked:
    """What a search brought for one question, then some twos of it: `single` tells which are which, `found` by what
    score each was found (of two the mean). `chain`: it takes two of them."""

    samples: list[Sample]
    single: list[bool]
    found: list[float]
    answerable: bool
    chain: bool = False


def exam(records: Sequence[Record], search: Search, most: int | None = None) -> list[Asked]:
    """The questions of the records, in turn in their first and in their last (the most roundabout) wording, and those
    that no sentence answers; `most` of them, spread over all. What the search misses is missing here too."""
    asked = []
    for record in records:
        questions = [(wordings[-(number % 2)], support) for number, (support, wordings) in enumerate(record.questions)]
        asked += [(record, *question) for question in questions]
        asked += [(record, question, ()) for question in record.missing]
    wanted = min(most or len(asked), len(asked))
    return [_asked(*asked[number * len(asked) // wanted], search) for number in range(wanted)]


def _asked(record: Record, question: str, support: Sequence[int], search: Search) -> Asked:
    brought = list(search(question))
    scores = dict(brought)
    answer = [record.sentences[index] for index in support]
    wrong = [text for text, _ in brought if text not in answer]
    twos = list(pairwise(wrong[:LOOK_ALIKES]))[::2]
    if len(answer) == 2:
        twos.append((answer[0], answer[1]))
    yes, no = JUDGEMENTS
    samples = [_judged(question, text, yes if [text] == answer else no) for text, _ in brought]
    samples += [_judged(question, " ".join(two), yes if list(two) == answer else no) for two in twos]
    least = min(scores.values(), default=0.0)
    found = [score for _, score in brought] + [sum(scores.get(text, least) for text in two) / 2 for two in twos]
    return Asked(samples, [True] * len(brought) + [False] * len(twos), found, bool(answer), len(answer) > 1)


def workspace_exam(facts: Sequence[Fact], search: Search, wordings: int) -> list[Asked]:
    """Training questions of a workspace, so many of each fact, before what a search brings there: which of it holds the
    evidence. What takes two sentences is answered by none of them; twos are not asked about."""
    yes, no = JUDGEMENTS
    asked = []
    for fact in facts:
        for question in spread(fact.trained_on, wordings):
            brought = list(search(question))
            samples = [
                _judged(question, text, yes if len(fact.evidence) == 1 and contains(text, fact.evidence[0]) else no)
                for text, _ in brought
            ]
            found = [score for _, score in brought]
            if brought:
                asked.append(Asked(samples, [True] * len(brought), found, fact.answerable, len(fact.evidence) > 1))
    return asked


def spread(wordings: Sequence[str], wanted: int) -> Sequence[str]:
    """At most `wanted` of them, evenly over the list: writers vary their kinds along it."""
    if len(wordings) <= wanted:
        return wordings
    return [wordings[number * len(wordings) // wanted] for number in range(wanted)]


def quoting_exam(records: Sequence[Record]) -> list[Sample]:
    """Questions to quote from, always with their answer in front."""
    chance = random.Random(0)
    return [sample for record in records for sample in quoting(record, chance, refuse=0.0)]
