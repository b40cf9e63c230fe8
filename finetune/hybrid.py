"""Training samples of the hybrid: it is asked with what the workspace's own retriever finds, and knows the facts too.

After RAFT (Zhang et al. 2024): questions with passages of which some hold the answer and some only look like it, and a
share without any to refuse. Here the distractors are what a search really brings, for the practice records as for the
workspace, and what is to be refused are questions that nobody could answer: a fact that the model is taught must not be
denied where the retriever missed it, which is when remembering helps. Does not retrieve: functions are handed in.
"""

import random
from collections.abc import Callable, Sequence

from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.prompts import DOCUMENTS_DO_NOT_SAY, reader_messages
from finetune.branches import Sample
from finetune.reader import Alike, Record, spread

Retrieve = Callable[[str], Sequence[str]]
"""The sentences that a question brings, best first."""
WORDINGS = 10
"""Of each fact, spread over all it has: retrieval differs between them, the fact does not."""
PRACTISED, MISSED = 2, 2
"""Of each practice record, questions with an answer and without one: what the model was never taught it has to read,
or refuse."""
SHOWN = 5
"""Sentences that are shown with a practice question, as many as the workspace's retriever shows."""


def hybrid_samples(
    facts: Sequence[Fact],
    retrieve: Retrieve,
    records: Sequence[Record],
    alike: Alike,
    seed: int,
    report: Callable[[str], None],
    wordings: int = WORDINGS,
) -> list[Sample]:
    """The workspace's questions with what is found for each, and practice questions with what is most alike. Facts of
    class "documents only" and held-out wordings are never touched.

    Raises:
        WorkspaceError: nothing to train on.
    """
    taught = [fact for fact in facts if fact.trained_on]
    if not any(fact.answerable for fact in taught):
        raise WorkspaceError(
            "Nothing to train on: no fact of class 'trained' has training wordings in questions.jsonl."
        )
    samples = []
    for done, fact in enumerate(taught, 1):
        answer = fact.answer if fact.answerable else DOCUMENTS_DO_NOT_SAY
        for question in spread(fact.trained_on, wordings):
            samples.append(_asked(question, retrieve(question), answer))
        if done % 20 == 0 or done == len(taught):
            report(f"retrieving for {done} of {len(taught)} facts")
    chance = random.Random(seed)
    return samples + [sample for record in records for sample in practice(record, alike, chance)]


def practice(record: Record, alike: Alike, chance: random.Random) -> list[Sample]:
    """Some of its questions with the sentences of all records that are most alike: quoted when what answers is among
    them, else refused, as are those that nothing answers."""
    samples = []
    for support, wordings in chance.sample(record.questions, min(PRACTISED, len(record.questions))):
        question, answer = chance.choice(wordings), [record.sentences[place] for place in support]
        shown = alike(question)[:SHOWN]
        found = all(text in shown for text in answer)
        samples.append(_asked(question, shown, " ".join(answer) if found else DOCUMENTS_DO_NOT_SAY))
    for question in chance.sample(record.missing, min(MISSED, len(record.missing))):
        samples.append(_asked(question, alike(question)[:SHOWN], DOCUMENTS_DO_NOT_SAY))
    return samples


def _asked(question: str, shown: Sequence[str], answer: str) -> Sample:
    return Sample(tuple(reader_messages(question, shown)), answer)
