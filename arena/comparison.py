"""A comparison: one question, two sides, their answers, and everything needed to repeat it. And votes on it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from arena.answer import Answer
from arena.errors import VoteRefused
from arena.question import Turn

MAX_REASON_CHARACTERS = 1000


class Choice(StrEnum):
    """What an annotator can say. `BOTH_BAD` is not a tie: it judges quality, not preference."""

    LEFT = "left"
    RIGHT = "right"
    TIE = "tie"
    BOTH_BAD = "both bad"


@dataclass(frozen=True)
class Comparison:
    """One question put to two contestants. `left` and `right` are contestant names as shown on the page.

    `versions` holds what is common to both sides (code version, seed, order of running); each answer's own
    `identity` holds model, adapter, index, prompt and decoding. `conversation` groups follow-up questions;
    `histories` are the turns each contestant had seen before this one.
    """

    question: str
    left: str
    right: str
    blind: bool
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    conversation: str = ""
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    asked_by: str = ""
    answers: Mapping[str, Answer] = field(default_factory=dict)
    histories: Mapping[str, Sequence[Turn]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Both sides ended by themselves without failing."""
        return all(name in self.answers and self.answers[name].complete for name in (self.left, self.right))

    def with_answers(self, answers: Mapping[str, Answer]) -> "Comparison":
        """The same comparison with these answers."""
        return replace(self, answers=dict(answers))

    def with_run(self, seed: int, order: Sequence[str]) -> "Comparison":
        """The same comparison with what it takes to run it again: the seed, and the order on a shared device."""
        return replace(self, versions={**self.versions, "seed": str(seed), "order": ", ".join(order)})


@dataclass(frozen=True)
class Vote:
    """One annotator's judgement of one comparison, in the comparison's own sides.

    `blind`: the names were hidden when it was cast. `reason` is free text, `reasons` are `arena.annotation.Reason`
    values. `correct_answer`: what the annotator says the answer is, "" where nothing was said. `ballot`: the showing
    in the annotators' queue that it was cast on, "" for a vote elsewhere; `seconds` from showing to choosing there.
    """

    comparison: str
    annotator: str
    choice: Choice
    blind: bool
    reason: str = ""
    reasons: Sequence[str] = ()
    correct_answer: str = ""
    ballot: str = ""
    seconds: float | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    cast_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def checked_vote(comparison: Comparison | None, annotator: str, choice: str, blind: bool, reason: str = "") -> Vote:
    """A vote that may be saved.

    Raises:
        VoteRefused: no such comparison, an answer is missing, failed or stopped, no annotator, an unknown choice.
    """
    if comparison is None:
        raise VoteRefused("There is no comparison to vote on: ask a question first.")
    if not comparison.complete:
        raise VoteRefused("No vote on this pair: both answers must be complete. Ask again to get a full pair.")
    if not annotator.strip():
        raise VoteRefused("Type your name first: each person has one vote per comparison.")
    if choice not in set(Choice):
        raise VoteRefused(f"'{choice}' is not a vote: use one of {', '.join(Choice)}.")
    return Vote(comparison.id, annotator.strip()[:100], Choice(choice), blind, checked_reason(reason))


def checked_reason(reason: str) -> str:
    """A reason that may be saved. Raises `VoteRefused`: too long."""
    if len(reason) > MAX_REASON_CHARACTERS:
        raise VoteRefused(f"The reason has {len(reason):,} characters; the limit is {MAX_REASON_CHARACTERS:,}.")
    return reason.strip()


def preferred(comparison: Comparison, vote: Vote) -> str | None:
    """The contestant the vote prefers; None for a tie or both bad."""
    return {Choice.LEFT: comparison.left, Choice.RIGHT: comparison.right}.get(vote.choice)
