"""Reading practice: sentences about invented things that are in no workspace, and questions about them.

The reader adapter learns two things. To judge: does this sentence answer this question? And to quote: repeat the
sentence that answers, or say that none does. Judging one sentence at a time (a pointwise reranker, monoT5,
Nogueira et al. 2020) is what a model of this size can learn; choosing among five in one prompt it learnt no better
than by chance (22 % after 134 steps). Contrast decides whether it learns to read: the same question with the
sentence that answers and with those of its siblings that look most like it. The records were written by hand.
"""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.errors import WorkspaceError
from arena.prompts import DOCUMENTS_DO_NOT_SAY, JUDGEMENTS, judge_messages, reader_messages
from finetune.branches import ChatTokenizer, Group, Sample, grouped

RECORDS = Path(__file__).parent / "practice" / "records.jsonl"
WRONG, LOOK_ALIKES = 2, 4
"""So many sentences that do not answer, for each that does, out of so many that have most words in common with it."""
MISSING = 2
"""Questions without an answer, to a record and epoch."""
QUOTES = 1
"""Questions to quote from, to a record and epoch: copying is learnt quickly."""
HELD_OUT_EVERY = 12
"""Every twelfth record is never trained on: its losses and answers tell whether reading generalises."""


@dataclass(frozen=True)
class Record:
    """Sentences about siblings; questions as (indices of the sentences that answer, wordings); near misses."""

    id: str
    sentences: tuple[str, ...]
    questions: tuple[tuple[tuple[int, ...], tuple[str, ...]], ...]
    missing: tuple[str, ...]


def load_records(path: Path = RECORDS) -> list[Record]:
    """Raises `WorkspaceError` with the line number when a record is malformed."""
    records = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            questions = tuple((tuple(item["support"]), tuple(item["ask"])) for item in row["questions"])
            record = Record(row["id"], tuple(row["sentences"]), questions, tuple(row["missing"]))
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
    record: Record, question: str, support: Sequence[int], chance: random.Random, everything: bool = False
) -> list[Sample]:
    """One question before some of the record's sentences (`everything`: all of them), the right one included."""
    said = record.sentences
    wanted = words(" ".join([question, *(said[index] for index in support)]))
    wrong = [index for index in range(len(said)) if index not in support]
    wrong.sort(key=lambda index: (-len(wanted & words(said[index])), index))
    if not everything:
        wrong = chance.sample(wrong[:LOOK_ALIKES], WRONG)
    yes, no = JUDGEMENTS
    shown = [(said[index], no) for index in wrong]
    if len(support) == 1:
        shown.append((said[support[0]], yes))
    else:
        # What takes two sentences is answered by neither alone, and not by the first with another.
        shown += [(said[index], no) for index in support]
        if support:
            shown.append((" ".join(said[index] for index in support), yes))
        shown.append((f"{said[support[0] if support else wrong[1]]} {said[wrong[0]]}", no))
    chance.shuffle(shown)
    return [Sample(tuple(judge_messages(question, text)), verdict) for text, verdict in shown]


def quoting(record: Record, chance: random.Random, refuse: float = 0.12) -> list[Sample]:
    """Questions on one to three sentences, those that answer mostly first, as a judge would have ordered them."""
    samples = []
    for support, wordings in chance.sample(record.questions, min(QUOTES, len(record.questions))):
        others = [index for index in range(len(record.sentences)) if index not in support]
        drawn = chance.sample(others, min(chance.choice((0, 0, 0, 1, 2)), len(others)))
        answer = " ".join(record.sentences[index] for index in support)
        shown = [*drawn, *support] if chance.random() < 0.3 else [*support, *drawn]
        if chance.random() < refuse:
            shown, answer = drawn or others[:1], DOCUMENTS_DO_NOT_SAY
        question = chance.choice(wordings)
        samples.append(Sample(tuple(reader_messages(question, [record.sentences[i] for i in shown])), answer))
    return samples


def words(text: str) -> set[str]:
    """Lower-case words, the commonest ones included: they are alike in all siblings."""
    return set(re.findall(r"\w+", text.lower()))


def reader_rows(records: Sequence[Record], tokenizer: ChatTokenizer, epochs: int, seed: int) -> list[Group]:
    """All rows of a run in order. An epoch holds one wording of every question (the next epoch the next one), some
    questions without an answer, and some to quote from."""
    rows = []
    for epoch in range(epochs):
        chance = random.Random(f"{seed}-{epoch}")
        samples = []
        for number, record in enumerate(records):
            for support, wordings in record.questions:
                samples.append(judging(record, wordings[(number + epoch) % len(wordings)], support, chance))
            missing = chance.sample(record.missing, min(MISSING, len(record.missing)))
            samples += [judging(record, question, (), chance) for question in missing]
            samples += [[sample] for sample in quoting(record, chance)]
        chance.shuffle(samples)
        rows += [grouped(group, tokenizer) for group in samples]
    return rows


def exam(records: Sequence[Record]) -> list[tuple[list[Sample], bool]]:
    """(all sentences of a record before one question, is there an answer), for questions that one sentence answers
    and for those that none does; first wordings only."""
    chance = random.Random(0)
    asked = []
    for record in records:
        for support, wordings in record.questions:
            if len(support) == 1:
                asked.append((judging(record, wordings[0], support, chance, everything=True), True))
        asked += [(judging(record, question, (), chance, everything=True), False) for question in record.missing]
    return asked


def quoting_exam(records: Sequence[Record]) -> list[Sample]:
    """Questions to quote from, always with their answer in front."""
    chance = random.Random(0)
    return [sample for record in records for sample in quoting(record, chance, refuse=0.0)]
