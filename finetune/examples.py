"""Closed-book training rows from a workspace's facts: every training wording with its answer.

Held-out wordings and facts of class "documents only" are never touched. Unanswerable questions with training
wordings teach the model to say that it does not know.
"""

import math
import random
from collections.abc import Sequence
from statistics import median

from arena.errors import WorkspaceError
from arena.facts import Fact
from arena.prompts import I_DO_NOT_KNOW, closed_book_messages
from finetune.branches import ChatTokenizer, Group, Sample, grouped

BRANCHES = 8
"""Samples to a row: rows of about 350 tokens, where the cost of masked attention is still small."""
ROWS = 1
"""Rows to a step. Two of them need half as many showings more for the same, and each showing costs nearly as much."""

EXPOSURES = 50
"""How often each fact is shown, whatever the number of its wordings. With 45 wordings of each of the demo's facts, 49
times left 97.5 % of new plain wordings right and 87.0 % of new oblique ones, 63 times 98.5 % and 87.4 % (the mean of
three seeds) for a quarter more time: docs/measured.md, where two rows to a step are, too."""


def enough_epochs(wordings: Sequence[int]) -> float:
    """Epochs, to a tenth, that show a fact with as many wordings as most have `EXPOSURES` times. `wordings`: how many
    each fact has. By the median: a few facts in few wordings, as questions without an answer often are, would make all
    others be shown more often than they need."""
    return max(0.1, round(EXPOSURES / max(median(wordings), 1), 1)) if wordings else 0.1


def closed_book_samples(facts: Sequence[Fact], held_out: bool = False) -> list[Sample]:
    """One sample per wording: the training ones, or the held-out ones of the trained facts for evaluation."""
    samples = []
    for fact in facts:
        answer = fact.answer if fact.answerable else I_DO_NOT_KNOW
        unseen = (*fact.held_out, *fact.oblique) if fact.trained_on else ()
        wordings = unseen if held_out else fact.trained_on
        samples += [Sample(tuple(closed_book_messages(wording)), answer) for wording in wordings]
    if not samples and held_out:
        raise WorkspaceError(
            "No held-out wordings in questions.jsonl: without them nobody can tell knowing from repeating. "
            "Give some facts of class 'trained' a \"held_out\" wording that training does not see, or let a model "
            "write them: `python -m finetune reword WORKSPACE --url ... --model ...`."
        )
    if not samples:
        raise WorkspaceError(
            "Nothing to train on: no fact of class 'trained' has training wordings in questions.jsonl."
        )
    return samples


def steps(samples: Sequence[Sample], tokenizer: ChatTokenizer, epochs: float, seed: int) -> list[list[Group]]:
    """All steps of a run, in order: each epoch holds every sample once, shuffled anew; a last one may be cut short.

    Made up front so that a resumed run sees exactly the steps that an uninterrupted one would have seen.
    """
    groups = []
    for epoch in range(math.ceil(epochs)):
        order = list(samples)
        random.Random(f"{seed}-{epoch}").shuffle(order)
        order = order[: round(len(order) * min(1, epochs - epoch))]
        groups += [grouped(order[i : i + BRANCHES], tokenizer) for i in range(0, len(order), BRANCHES)]
    return [groups[i : i + ROWS] for i in range(0, len(groups), ROWS)]
