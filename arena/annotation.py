"""The annotators' queue: prompts, pairs of answers to them, and each showing of a pair to a person (a ballot)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

ANNOTATORS_EACH = 3
"""People who are asked about each pair, where nobody says otherwise: the smallest number with a majority."""


class Reason(StrEnum):
    """Why an answer is better, or why none is good; an annotator may give several."""

    CORRECT = "correct"
    GROUNDED = "grounded"
    COMPLETE = "complete"
    CLEAR = "clear"
    WRONG = "wrong"
    MADE_UP = "made up"
    TOO_LONG = "too long"
    EVASIVE = "evasive"


class Source(StrEnum):
    """Where a prompt of the queue comes from."""

    QUESTIONS = "questions"
    """The workspace's questions.jsonl."""
    IMPORTED = "imported"
    VISITORS = "visitors"


class TaskState(StrEnum):
    """`WAITING` for its answers, `READY` to be voted on, or `FAILED`: an answer is missing."""

    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"


class BallotState(StrEnum):
    """`RESERVED` for a person until it expires; then what became of it."""

    RESERVED = "reserved"
    VOTED = "voted"
    SKIPPED = "skipped"
    EXPIRED = "expired"


@dataclass(frozen=True)
class QueuedPrompt:
    """A question for annotators. `fact` is its id in questions.jsonl; `kind` the fact's class (trained, documents
    only, unanswerable), `wording` "trained" or "held out", each "" where unknown."""

    text: str
    source: Source
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    fact: str = ""
    kind: str = ""
    topic: str = ""
    document: str = ""
    wording: str = ""
    added_by: str = ""
    added_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Task:
    """A prompt put to two contestants, whose answers `wanted` people are to judge. `comparison` is the id of the pair
    once it was asked."""

    prompt: str
    left: str
    right: str
    wanted: int = ANNOTATORS_EACH
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: TaskState = TaskState.WAITING
    comparison: str = ""
    failure: str = ""


@dataclass(frozen=True)
class Ballot:
    """A pair shown to a person. `swapped`: the comparison's right side stands on the left. `plain`: length, formatting
    and citations are evened out, so that their effect can be measured. `repeats`: the earlier ballot of the same
    person on the same pair, which this one checks, with the sides the other way round; it is no vote.
    `choice` is in the comparison's sides, not in those shown."""

    task: str
    comparison: str
    annotator: str
    swapped: bool
    plain: bool
    expires_at: datetime
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    repeats: str = ""
    state: BallotState = BallotState.RESERVED
    choice: str = ""
    skip_reason: str = ""
    reserved_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    closed_at: datetime | None = None
    seconds: float | None = None
    """From showing to choosing."""
    hasty: bool = False
    """Chosen in less time than reading takes; flagged, never dropped silently."""
    reasons: Sequence[Reason] = ()
