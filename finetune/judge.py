"""The judge's training on a workspace: which sentence answers its questions, and that near misses do not.

It goes on from the reader, which learnt judging on invented sentences, with the workspace's training questions before
what its search brings: the sentences that answer and some of those that come near, and questions that no document
answers. Reading practice goes on beside it, so that it keeps judging what nobody asked yet. What it learns is where an
answer stands, as the retriever does; it gives none: the reader quotes. Does not weigh what it reads (judging.py).
"""

import functools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.prompts import JUDGEMENTS
from arena.scoring import contains
from finetune.branches import ChatTokenizer, Group, Sample, grouped
from finetune.reader import Alike, Asked, Record, Search, by_sentence, judging, spread, workspace_exam
from finetune.retriever import rehearsal as answered_rehearsal

EVERY_UNANSWERABLE = 3
"""A rehearsal leaves every third question without an answer out, of a workspace's: there are few."""
NEW_WORDINGS, ASKED, MISSED = 2, 8, 6
"""Wordings of each fact that is asked about after a rehearsal: of those that it trained on in other wordings, of the
fewer that it left out, and of those without an answer."""
QUESTIONS = 4
"""Questions of the workspace to a step, beside two of a record of the reading practice."""

FEW = 6
"""Questions without an answer that a rehearsal leaves out; with fewer, what is fitted on them rests on too little."""
YES = JUDGEMENTS[0]
HELD_OUT_LOSS = 24
"""Records of the practice that the loss is taken on while training."""


Exams = Mapping[str, tuple[list[Asked], list[Asked]]]
"""By kind of question two halves, to fit on and to count on."""


@dataclass(frozen=True)
class Rehearsal:
    """Facts to train on, and those on which is measured what the training brings: the same facts in other wordings,
    other facts, and other questions without an answer."""

    practised: list[Fact]
    wordings: list[Fact]
    others: list[Fact]
    unanswerable: list[Fact]

    @property
    def untaught(self) -> list[Fact]:
        return [*self.wordings, *self.others, *self.unanswerable]

    @property
    def knock_out(self) -> bool:
        """Whether the answers of some must be taken away, for want of questions that have none."""
        return len(self.unanswerable) < FEW

    def exams(self, search: Search) -> Exams:
        """What the search brings for what was left out; the halves are of different facts.

        Raises:
            WorkspaceError: too little was left out, or the search finds none of it: nothing could be measured.
        """
        kinds = {
            "other wordings": (self.wordings, NEW_WORDINGS),
            "other facts": (self.others, ASKED),
            "no answer": (self.unanswerable, MISSED),
        }
        found = {
            kind: (workspace_exam(facts[::2], search, most), workspace_exam(facts[1::2], search, most))
            for kind, (facts, most) in kinds.items()
        }
        for half in (0, 1):
            if not any(
                sample.answer == YES for kind in found.values() for each in kind[half] for sample in each.samples
            ):
                left_out = len(self.wordings) + len(self.others)
                raise WorkspaceError(
                    f"Nothing to measure on: the rehearsal leaves wordings or facts out for {left_out} facts with "
                    "evidence, and the search finds the answers of too few. Needed are some facts of class 'trained' "
                    "with eight training wordings each, or ten with fewer, and evidence that stands in the documents, "
                    "word for word."
                )
        return found


def rehearsal(facts: Sequence[Fact]) -> Rehearsal:
    """Training wordings alone; of facts with an answer those that have evidence, split as the retriever's are."""
    practised, wordings, others = answered_rehearsal(facts)
    missing = [fact for fact in facts if fact.trained_on and not fact.answerable]
    left_out = missing[EVERY_UNANSWERABLE - 1 :: EVERY_UNANSWERABLE]
    kept = [fact for number, fact in enumerate(missing) if (number + 1) % EVERY_UNANSWERABLE]
    return Rehearsal([*practised, *kept], wordings, others, left_out)


def questions(facts: Sequence[Fact], wordings: int) -> list[tuple[Fact, str]]:
    """At most so many training wordings of each fact that has evidence or no answer."""
    taught = [fact for fact in facts if fact.trained_on and (fact.evidence or not fact.answerable)]
    return [(fact, text) for fact in taught for text in spread(fact.trained_on, wordings)]


def practised(records: Sequence[Record], asked: int, epochs: float, seed: int) -> list[Record]:
    """As many records as so many questions take, or all of them; the seed decides which, and in which order."""
    wanted = math.ceil(asked * epochs / QUESTIONS)
    return random.Random(seed).sample(list(records), min(wanted, len(records)))


def judge_steps(
    asked: Sequence[tuple[Fact, str]],
    search: Search,
    records: Sequence[Record],
    alike: Alike,
    tokenizer: ChatTokenizer,
    epochs: float,
    seed: int,
) -> list[list[Group]]:
    """All steps of a run in order: each question once an epoch, before what the search brings for it, `QUESTIONS` to a
    step, and with them two of a record of the practice, the next one each time. A last epoch may be cut short.

    Raises:
        WorkspaceError: nothing to train on.
    """
    chance = random.Random(seed)
    judged: list[list[Sample]] = []
    for epoch in range(math.ceil(epochs)):
        shuffled = list(asked)
        chance.shuffle(shuffled)
        shuffled = shuffled[: round(len(shuffled) * min(1.0, epochs - epoch))]
        judged += [samples for fact, text in shuffled if (samples := workspace_samples(fact, text, search, chance))]
    if not any(sample.answer == YES for samples in judged for sample in samples):
        raise WorkspaceError(
            "Nothing to train on: no fact of class 'trained' has training wordings and \"evidence\" that a search "
            "brings, word for word."
        )
    steps = []
    for number, start in enumerate(range(0, len(judged), QUESTIONS)):
        samples = [sample for each in judged[start : start + QUESTIONS] for sample in each]
        if records:
            samples += practice_samples(records[number % len(records)], alike, chance)
        steps.append([grouped(group, tokenizer) for group in by_sentence(samples)])
    return steps


def practice_steps(records: Sequence[Record], alike: Alike, tokenizer: ChatTokenizer, seed: int) -> list[list[Group]]:
    """Two questions of each record: for the loss on what is not trained on."""
    chance = random.Random(seed)
    samples = [practice_samples(record, alike, chance) for record in records]
    return [[grouped(group, tokenizer) for group in by_sentence(each)] for each in samples]


def workspace_samples(fact: Fact, question: str, search: Search, chance: random.Random) -> list[Sample]:
    """One question before what answers it and some of what else the search brings; none if it does not bring what
    answers, or brings two sentences of evidence in one. Other sentences that hold the evidence are not shown: they are
    no near misses. Those that say the same in other words are not known, and taken for near misses."""
    brought = [text for text, _ in search(question)]
    holding = [[text for text in brought if contains(text, said)] for said in fact.evidence]
    if not all(holding) or not brought:
        return []
    answer = tuple(dict.fromkeys(texts[0] for texts in holding))
    if len(answer) < len(fact.evidence):
        return []
    same = {text for texts in holding for text in texts} - set(answer)
    record = Record(fact.id, answer, (), ())
    return judging(record, question, range(len(answer)), chance, [text for text in brought if text not in same])


def practice_samples(record: Record, alike: Alike, chance: random.Random) -> list[Sample]:
    """A question of the record and one that it does not answer."""
    support, wordings = chance.choice(record.questions)
    question = chance.choice(wordings)
    samples = judging(record, question, support, chance, alike(question))
    for missing in chance.sample(record.missing, min(1, len(record.missing))):
        samples += judging(record, missing, (), chance, alike(missing))
    return samples


def cached(search: Search) -> Search:
    """The same search, that remembers what it brought."""
    return functools.cache(search)
