"""The annotators' queue: prompts, pairs of answers to them, and each showing of a pair to a person (a ballot)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from arena.comparison import Choice, Comparison, checked_reason
from arena.errors import VoteRefused

ANNOTATORS_EACH = 3
"""People who are asked about each pair, where nobody says otherwise: the smallest number with a majority."""

MAX_CORRECT_ANSWER_CHARACTERS = 2000

SKIMMING_WORDS_A_MINUTE = 450
"""Who chose faster than that has not read, not even skimmed. Most adults read 175 to 300 words of English non-fiction
a minute (Brysbaert 2019, J. of Memory and Language 109, 104047); Carver (1990, Reading Rate) puts skimming at 450."""

TASK = "task"
"""The name in `Comparison.versions` under which a pair made for annotators carries its task's id."""


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


class SkipReason(StrEnum):
    """Why a person passes a pair on to others."""

    NOT_MY_FIELD = "not my field"
    UNCLEAR = "the question is unclear"
    UNREADABLE = "an answer cannot be read"
    IMPROPER = "offensive or private"
    OTHER = "another reason"
    CANNOT_TELL = "cannot tell which is right"


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
    only, unanswerable), `wording` "trained", "held out" or "oblique" (held out, too), each "" where unknown."""

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
    reason: str = ""
    correct_answer: str = ""
    """What was said beside the choice; on a repeat it stands here only."""


@dataclass(frozen=True)
class Judgement:
    """What a person says of a pair. `choice` is in the comparison's sides; `seconds` from showing to choosing."""

    choice: Choice
    reasons: Sequence[Reason] = ()
    reason: str = ""
    correct_answer: str = ""
    seconds: float | None = None
    hasty: bool = False


@dataclass(frozen=True)
class Showing:
    """A ballot with what it shows."""

    ballot: Ballot
    comparison: Comparison

    @property
    def left(self) -> str:
        """The answer that stands on the left of the page."""
        return self._text(self.comparison.right if self.ballot.swapped else self.comparison.left)

    @property
    def right(self) -> str:
        return self._text(self.comparison.left if self.ballot.swapped else self.comparison.right)

    def _text(self, contestant: str) -> str:
        return self.comparison.answers[contestant].text


class PairGone(VoteRefused):
    """This person can no longer judge this pair: it was never theirs, was voted on already, or others have it now."""


def checked_judgement(judgement: Judgement) -> Judgement:
    """A judgement that may be saved. Raises `VoteRefused`: the reason or the correct answer is too long. (For a vote,
    `arena.comparison.checked_vote` looks at the rest, too; a repeat is none.)"""
    correct = judgement.correct_answer.strip()
    checked_reason(judgement.reason)
    if len(correct) > MAX_CORRECT_ANSWER_CHARACTERS:
        raise VoteRefused(
            f"The correct answer has {len(correct):,} characters; the limit is {MAX_CORRECT_ANSWER_CHARACTERS:,}."
        )
    return Judgement(
        judgement.choice, tuple(judgement.reasons), judgement.reason, correct, judgement.seconds, judgement.hasty
    )


def unswapped(choice: Choice, swapped: bool) -> Choice:
    """What was chosen on the page, in the comparison's sides; and back."""
    return {Choice.LEFT: Choice.RIGHT, Choice.RIGHT: Choice.LEFT}.get(choice, choice) if swapped else choice


def is_hasty(seconds: float, words: int) -> bool:
    """Whether `words` cannot even have been skimmed in that time."""
    return seconds < words * 60 / SKIMMING_WORDS_A_MINUTE


def for_annotators(comparison: Comparison) -> bool:
    """Whether this pair was made for the queue: nobody may learn from the pages which side is which."""
    return TASK in comparison.versions
