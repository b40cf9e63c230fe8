"""Training samples of the hybrid: it is asked with what the workspace's own retriever finds, and knows the facts too.

After RAFT (Zhang et al. 2024): questions with passages of which some hold the answer and some only look like it, and a
share without any to refuse. Here the distractors are what the retriever really brings, and what is to be refused are
questions that nobody could answer: a fact that the model is taught must not be denied where the retriever missed it,
which is when remembering helps. Does not retrieve: a function is handed in.
"""

import random
from collections.abc import Callable, Sequence

from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.prompts import DOCUMENTS_DO_NOT_SAY, reader_messages
from finetune.branches import Sample
from finetune.reader import Record, quoting, spread

Retrieve = Callable[[str], Sequence[str]]
"""The sentences that a question brings, best first."""
WORDINGS = 10
"""Of each fact, spread over all it has: retrieval differs between them, the fact does not."""
PRACTICE_EPOCHS, REFUSED = 2, 0.3
"""How often each reading record is drawn from, and the share of it that has no answer: what the model was never taught
it has to read, or refuse."""


def hybrid_samples(
    facts: Sequence[Fact],
    retrieve: Retrieve,
    records: Sequence[Record],
    seed: int,
    report: Callable[[str], None],
    wordings: int = WORDINGS,
) -> list[Sample]:
    """The workspace's questions with what is found for each, and reading practice. Facts of class "documents only"
    and held-out wordings are never touched.

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
            samples.append(Sample(tuple(reader_messages(question, retrieve(question))), answer))
        if done % 20 == 0 or done == len(taught):
            report(f"retrieving for {done} of {len(taught)} facts")
    for epoch in range(PRACTICE_EPOCHS):
        chance = random.Random(f"{seed}-{epoch}")
        for record in records:
            samples += quoting(record, chance, refuse=REFUSED, judged=0.0)
    return samples
