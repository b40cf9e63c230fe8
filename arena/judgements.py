"""Votes as columns: what statistics need to know about each, for a hundred thousand of them, and filters over them.

Immutable: a filter makes another value. Does not cover: reading them (storage/), what they say (standings/).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from arena.comparison import Choice

LEFT, RIGHT, TIE, BOTH_BAD = range(4)
OUTCOMES = {Choice.LEFT: LEFT, Choice.RIGHT: RIGHT, Choice.TIE: TIE, Choice.BOTH_BAD: BOTH_BAD}
UNKNOWN = ""
"""Of a class, topic, document or wording that nobody stated: questions asked freely have none."""

Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Version:
    """One make of a contestant: model, adapter, index, prompt and decoding, as its answers' identity has them. `id` is
    short; `first` is when its first answer was asked for."""

    contestant: str
    id: str
    first: datetime


@dataclass(frozen=True)
class Timed:
    """Complete answers, a value each. Seconds; `nan` where a stage did not happen."""

    contestant: Ints
    version: Ints
    asked_at: Floats
    first_token: Floats
    total: Floats

    def __len__(self) -> int:
        return len(self.total)


@dataclass(frozen=True)
class Repeats:
    """Pairs shown to the same person a second time, with the sides the other way round: `same` where the choice was."""

    annotator: Ints
    comparison: Ints
    same: Bools


@dataclass(frozen=True)
class Judgements:
    """A value for each vote in every array. `left` and `right` are codes of `contestants` as shown, so that `outcome`
    (LEFT, RIGHT, TIE, BOTH_BAD) is in the sides that the annotator saw. `queued`: cast in the annotators' queue, which
    makes half of the pairs alike (`plain`; arena/balance.py). Lengths, in characters, and citations, in marks, are what
    was on the screen: equal lengths and no marks where the pair was made alike. `cast_at` is in seconds since 1970;
    `seconds` from showing to choosing, `nan` outside the queue. `reasons` has bit n set for `reason_names[n]`. `newest`
    is the number of the last cast."""

    newest: int
    contestants: tuple[str, ...]
    annotators: tuple[str, ...]
    kinds: tuple[str, ...]
    topics: tuple[str, ...]
    documents: tuple[str, ...]
    wordings: tuple[str, ...]
    versions: tuple[Version, ...]
    reason_names: tuple[str, ...]
    comparison: Ints
    prompt: Ints
    annotator: Ints
    left: Ints
    right: Ints
    outcome: Ints
    blind: Bools
    queued: Bools
    plain: Bools
    hasty: Bools
    kind: Ints
    topic: Ints
    document: Ints
    wording: Ints
    left_length: Ints
    right_length: Ints
    left_citations: Ints
    right_citations: Ints
    left_version: Ints
    right_version: Ints
    reasons: Ints
    cast_at: Floats
    seconds: Floats
    timed: Timed
    """Answers that had the machine to themselves."""
    contended: Timed
    """Those that are left out of `timed` because something else used the machine meanwhile."""
    repeats: Repeats

    def __len__(self) -> int:
        return len(self.outcome)

    def where(self, chosen: Bools) -> "Judgements":
        """Those votes alone."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in _PER_VOTE})

    def of_pair(self, first: int, second: int) -> Bools:
        """Where these two contestants, by code, stood against each other."""
        return np.asarray(
            ((self.left == first) & (self.right == second)) | ((self.left == second) & (self.right == first))
        )

    @property
    def winner(self) -> Ints:
        """The preferred contestant's code, -1 for a tie or both bad."""
        return np.where(self.outcome == LEFT, self.left, np.where(self.outcome == RIGHT, self.right, -1))


_PER_VOTE = tuple(field.name for field in fields(Judgements) if field.type in (Ints, Bools, Floats))


@dataclass(frozen=True)
class Filters:
    """Which votes count. Texts as a person or a link gave them; "" or () means all. `votes`: "blind", "open" or "all".
    `pair`: two contestants' names. `annotator` is a place in the list of annotators, from 1, as others see them.
    `since` and `until`: days, both included. `hasty`: also votes cast in less time than reading takes."""

    pair: tuple[str, ...] = ()
    votes: str = "blind"
    kind: str = ""
    topic: str = ""
    document: str = ""
    wording: str = ""
    annotator: int = 0
    versions: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    hasty: bool = True

    def kept(self, judgements: Judgements) -> Judgements:
        """The votes that count, and of the timed answers those of the days and versions; the pair is left to whoever
        compares."""
        chosen = np.ones(len(judgements), dtype=bool)
        if self.votes != "all":
            chosen &= judgements.blind == (self.votes != "open")
        if not self.hasty:
            chosen &= ~judgements.hasty
        for wanted, names, codes in (
            (self.kind, judgements.kinds, judgements.kind),
            (self.topic, judgements.topics, judgements.topic),
            (self.document, judgements.documents, judgements.document),
            (self.wording, judgements.wordings, judgements.wording),
        ):
            if wanted:
                chosen &= codes == (names.index(wanted) if wanted in names else -1)
        if self.annotator:
            chosen &= judgements.annotator == self.annotator - 1
        begin, end = moments(self.since, self.until)
        chosen &= (judgements.cast_at >= begin) & (judgements.cast_at < end)
        allowed = self._allowed(judgements)
        chosen &= allowed[judgements.left_version] & allowed[judgements.right_version]
        timed, contended = (self._times(each, allowed) for each in (judgements.timed, judgements.contended))
        return replace(judgements.where(chosen), timed=timed, contended=contended)

    def _times(self, timed: Timed, allowed: Bools) -> Timed:
        begin, end = moments(self.since, self.until)
        chosen = (timed.asked_at >= begin) & (timed.asked_at < end) & allowed[timed.version]
        return Timed(*(getattr(timed, field.name)[chosen] for field in fields(Timed)))

    def _allowed(self, judgements: Judgements) -> Bools:
        """By version's code. A contestant of which no version is named keeps all of its own."""
        named = {version.contestant for version in judgements.versions if version.id in self.versions}
        allowed = [version.id in self.versions or version.contestant not in named for version in judgements.versions]
        return np.array(allowed, dtype=bool)


def moments(since: str, until: str) -> tuple[float, float]:
    """Two days, "" or unreadable where there is no limit, as seconds since 1970: from the first's begin to the other's
    end, in UTC."""
    begin, end = _day(since), _day(until)
    return (
        begin.timestamp() if begin else -np.inf,
        (end + timedelta(days=1)).timestamp() if end else np.inf,
    )


def _day(text: str) -> datetime | None:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def coded(values: Sequence[Any], names: dict[Any, int]) -> Ints:
    """Each value's code; new values get the next one in `names`."""
    return np.fromiter((names.setdefault(value, len(names)) for value in values), dtype=np.int32, count=len(values))


class JudgementSource(Protocol):
    """Where votes come from."""

    def judgements(self) -> Judgements:
        """All that count now. Raises `StorageError` when the database refuses."""
        ...
