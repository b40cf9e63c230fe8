"""Which pair a person is shown next, decided and reserved within one transaction that writes."""

import random
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from arena.annotation import Ballot, BallotState, TaskState
from arena.balance import Shown, balanced
from arena.queue import QueueSettings
from storage import queue_figures, tables
from storage.queue_rows import ballot_from, ballot_row

APART = 6
"""Pairs that a person closes between a pair and its repetition, at least: who remembers an answer checks nothing."""

_BALLOT = tables.ballot.c
_TASK = tables.task.c
_KEPT = (BallotState.RESERVED, BallotState.VOTED)


@dataclass(frozen=True)
class Reserving:
    """For one person. What is past its time has to be expired before."""

    connection: sa.Connection
    annotator: str
    now: datetime
    settings: QueueSettings
    chance: random.Random

    def held(self, besides: Collection[str]) -> Ballot | None:
        """One that this person has reserved already: its page was left, or loaded anew."""
        query = self._theirs().where(_BALLOT.state == BallotState.RESERVED, _BALLOT.id.not_in(list(besides)))
        row = self.connection.execute(query.order_by(_BALLOT.reserved_at).limit(1)).mappings().first()
        return None if row is None else self._again(row["id"])

    def repeated(self) -> Ballot | None:
        """An earlier pair with its sides swapped, once that is due: after so many new ones, and not one of the last."""
        if not self.settings.repeat_every:
            return None
        rows = self.connection.execute(self._theirs().order_by(_BALLOT.reserved_at)).mappings()
        ballots = [ballot_from(row) for row in rows]
        checked = {one.repeats for one in ballots}
        shown = [one for one in ballots if one.state in _KEPT]
        since = next((place for place, one in enumerate(reversed(shown)) if one.repeats), len(shown))
        voted = [one for one in shown if one.state is BallotState.VOTED]
        voted.sort(key=lambda one: one.closed_at or one.reserved_at)
        candidates = [one for one in voted[:-APART] if not one.repeats and one.id not in checked]
        if since < self.settings.repeat_every - 1 or not candidates:
            return None
        first = self.chance.choice(candidates)
        return self._reserve(first.task, first.comparison, (not first.swapped, first.plain), first.id)

    def fresh(self) -> Ballot | None:
        """A pair that others have begun comes first, so that pairs get done; chance decides between equals."""
        taken = queue_figures.taken()
        mine = (_BALLOT.task == _TASK.id, _BALLOT.annotator == self.annotator, _BALLOT.repeats == "")
        known = sa.exists().where(*mine, _BALLOT.state != BallotState.EXPIRED)
        count = sa.func.coalesce(taken.c.number, 0)
        query = sa.select(_TASK.id, _TASK.comparison).outerjoin(taken, taken.c.task == _TASK.id)
        query = query.where(_TASK.state == TaskState.READY, count < _TASK.wanted, ~known)
        task = self.connection.execute(query.order_by(count.desc(), sa.func.random()).limit(1)).first()
        if task is None:
            return None
        expired = self._theirs().where(_BALLOT.task == task.id, _BALLOT.repeats == "")
        if row := self.connection.execute(expired).mappings().first():
            return self._again(row["id"])
        person = self._ways(_BALLOT.annotator == self.annotator)
        pair = self._ways(_BALLOT.task == task.id)
        return self._reserve(task.id, task.comparison, balanced(person, pair, self.chance))

    def _theirs(self) -> sa.Select[Any]:
        return sa.select(tables.ballot).where(_BALLOT.annotator == self.annotator)

    def _ways(self, whose: sa.ColumnElement[bool]) -> Counter[Shown]:
        query = sa.select(_BALLOT.swapped, _BALLOT.plain, sa.func.count())
        query = query.where(whose, _BALLOT.repeats == "", _BALLOT.state.in_(_KEPT))
        rows = self.connection.execute(query.group_by(_BALLOT.swapped, _BALLOT.plain))
        return Counter({(swapped, plain): number for swapped, plain, number in rows})

    def _again(self, ballot: str) -> Ballot:
        """Reserved once more, the way it was shown."""
        values = {"state": BallotState.RESERVED, "reserved_at": self.now, "expires_at": self._until}
        set_ballot(self.connection, ballot, values)
        query = sa.select(tables.ballot).where(_BALLOT.id == ballot)
        return ballot_from(self.connection.execute(query).mappings().one())

    def _reserve(self, task: str, comparison: str, way: Shown, repeats: str = "") -> Ballot:
        ballot = Ballot(
            task, comparison, self.annotator, *way, expires_at=self._until, repeats=repeats, reserved_at=self.now
        )
        self.connection.execute(sa.insert(tables.ballot), ballot_row(ballot))
        return ballot

    @property
    def _until(self) -> datetime:
        return self.now + timedelta(minutes=self.settings.reservation_minutes)


def set_ballot(connection: sa.Connection, ballot: str, values: dict[str, Any]) -> None:
    """Change these columns of a ballot."""
    connection.execute(sa.update(tables.ballot).where(_BALLOT.id == ballot).values(values))
