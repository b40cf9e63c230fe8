"""`arena.queue.Queue` in the database: prompts, tasks, and who was shown which pair how.

Everything that decides and then writes does both in one transaction that is alone from its start, so that two people,
or two tabs of one person, never get more of a pair than there is.
"""

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from arena.annotation import (
    Ballot,
    BallotState,
    Judgement,
    PairGone,
    QueuedPrompt,
    Showing,
    SkipReason,
    Task,
    TaskState,
    checked_judgement,
)
from arena.comparison import Choice, Comparison, Vote
from arena.errors import StorageError, VoteRefused
from arena.queue import Added, Around, Progress, QueueSettings, QueueStatus
from storage import queue_figures, tables
from storage.database import Database
from storage.history import cast_vote, load, save_comparison
from storage.queue_rows import ballot_from, prompt_row, task_from, task_row
from storage.reserving import Reserving, set_ballot

LOCK = 0x717565  # any number that no other program takes
"""The queue's advisory lock in PostgreSQL; in SQLite whoever writes is alone anyway."""

_BALLOT = tables.ballot.c
_TASK = tables.task.c
_PROMPT = tables.prompt.c


def _utc_now() -> datetime:
    return datetime.now(UTC)


class DatabaseQueue:
    """Implements `arena.queue.Queue`. `now` and `chance` are the clock and the coin."""

    def __init__(
        self,
        database: Database,
        settings: QueueSettings | None = None,
        now: Callable[[], datetime] = _utc_now,
        chance: random.Random | None = None,
    ) -> None:
        self.settings = settings or QueueSettings()
        self._database, self._now, self._chance = database, now, chance or random.SystemRandom()

    def add(self, prompts: Sequence[QueuedPrompt], pairs: Sequence[tuple[str, str]], wanted: int = 0) -> Added:
        """See the port. A pair of contestants is one pair, whichever is named first."""
        new, tasks, known = 0, 0, []
        with self._deciding() as connection:
            for prompt in prompts:
                found = connection.scalar(sa.select(_PROMPT.id).where(_PROMPT.text == prompt.text))
                if found is None:
                    connection.execute(sa.insert(tables.prompt), prompt_row(prompt))
                    new += 1
                else:
                    known.append(prompt.text)
                for left, right in {tuple(sorted(pair)) for pair in pairs}:
                    task = Task(found or prompt.id, left, right, wanted or self.settings.annotators)
                    tasks += self._add_task(connection, task)
        return Added(new, tasks, known)

    def next_task(self) -> tuple[Task, str] | None:
        query = sa.select(tables.task, _PROMPT.text).join(tables.prompt, _PROMPT.id == _TASK.prompt)
        query = query.where(_TASK.state == TaskState.WAITING).order_by(_PROMPT.added_at, _PROMPT.id, _TASK.id)
        with self._database.reading() as connection:
            row = connection.execute(query.limit(1)).mappings().first()
        return (task_from(row), row["text"]) if row else None

    def answered(self, task: str, comparison: Comparison) -> bool:
        with self._deciding() as connection:
            state = connection.scalar(sa.select(_TASK.state).where(_TASK.id == task))
            if state != TaskState.WAITING:
                return False
            if not comparison.complete:
                raise StorageError(f"Comparison {comparison.id} is not complete: nobody could vote on it.")
            save_comparison(connection, comparison)
            self._set_task(connection, task, state=TaskState.READY, comparison=comparison.id, failure="")
        return True

    def failed(self, task: str, why: str) -> None:
        waiting = sa.and_(_TASK.id == task, _TASK.state == TaskState.WAITING)  # or somebody else has answered it
        with self._deciding() as connection:
            connection.execute(sa.update(tables.task).where(waiting).values(state=TaskState.FAILED, failure=why))

    def retry(self) -> int:
        change = sa.update(tables.task).where(_TASK.state == TaskState.FAILED)
        with self._deciding() as connection:
            return connection.execute(change.values(state=TaskState.WAITING, failure="")).rowcount

    def claim(self, annotator: str, besides: Collection[str] = ()) -> Showing | None:
        """See the port."""
        with self._deciding() as connection:
            return self._claim(connection, annotator, besides)

    def look_around(self, annotator: str, on_screen: Collection[str], ahead: bool, limit: int) -> Around:
        kept_for = timedelta(minutes=self.settings.reservation_minutes)
        claimed = None
        if on_screen or ahead:
            with self._deciding() as connection:
                _set_reserved(connection, on_screen, expires_at=self._now() + kept_for)
                claimed = self._claim(connection, annotator, on_screen) if ahead else None
        with self._database.reading() as connection:  # not while everybody waits
            progress = queue_figures.progress(connection, annotator, self._now())
            return Around(claimed, progress, _past(connection, annotator, limit))

    def release(self, ballots: Collection[str]) -> None:
        if ballots:
            with self._deciding() as connection:
                _set_reserved(connection, ballots, state=BallotState.EXPIRED)

    def vote(self, ballot: str, annotator: str, judgement: Judgement, change: bool = False) -> Ballot:
        """See the port. A vote that is changed keeps the seconds of the first choice, as reading took those; unless it
        was hasty, when they are those of the second, and so is the flag."""
        said = checked_judgement(judgement)
        with self._deciding() as connection:
            self._expire(connection)
            found = self._own(connection, ballot, annotator)
            voted = found.state is BallotState.VOTED
            if voted and not change:
                raise PairGone("You have voted on this pair already, perhaps in another tab.")
            if found.state in (BallotState.EXPIRED, BallotState.SKIPPED) and not self._room(connection, found):
                raise PairGone("This pair was yours for too long: enough others have it now.")
            values: dict[str, Any] = {
                "state": BallotState.VOTED,
                "choice": said.choice.value,
                "reasons": [str(reason) for reason in said.reasons],
                "reason": said.reason.strip(),
                "correct_answer": said.correct_answer,
                "skip_reason": "",
            }
            first = not voted or found.hasty  # what was chosen without reading is chosen for the first time now
            if not voted:
                values |= {"closed_at": self._now()}
            if first:
                values |= {"seconds": said.seconds, "hasty": said.hasty}
            # First the vote, which locks its comparison, as an import does: or each might wait for the other.
            if not found.repeats:
                seconds = said.seconds if first else found.seconds
                cast_vote(connection, self._vote(found, said, seconds))
            set_ballot(connection, ballot, values)
            return self._own(connection, ballot, annotator)

    def skip(self, ballot: str, annotator: str, reason: SkipReason) -> None:
        with self._deciding() as connection:
            if self._own(connection, ballot, annotator).state is BallotState.VOTED:
                raise VoteRefused("This pair has your vote. Change it if you like; it can no longer be skipped.")
            values = {"state": BallotState.SKIPPED, "skip_reason": reason.value, "closed_at": self._now()}
            set_ballot(connection, ballot, values)

    def past(self, annotator: str, limit: int = 20, before: str = "") -> Sequence[Showing]:
        with self._database.reading() as connection:
            return _past(connection, annotator, limit, before)

    def progress(self, annotator: str) -> Progress:
        with self._database.reading() as connection:
            return queue_figures.progress(connection, annotator, self._now())

    def status(self) -> QueueStatus:
        with self._database.reading() as connection:
            return queue_figures.status(connection, self._now())

    @contextmanager
    def _deciding(self) -> Iterator[sa.Connection]:
        """A transaction in which nobody else decides anything about the queue."""
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            yield connection

    def _add_task(self, connection: sa.Connection, task: Task) -> bool:
        same = (_TASK.prompt == task.prompt, _TASK.left == task.left, _TASK.right == task.right)
        if connection.scalar(sa.select(_TASK.id).where(*same)) is not None:
            return False
        connection.execute(sa.insert(tables.task), task_row(task))
        return True

    def _claim(self, connection: sa.Connection, annotator: str, besides: Collection[str]) -> Showing | None:
        self._expire(connection)
        reserving = Reserving(connection, annotator, self._now(), self.settings, self._chance)
        ballot = reserving.held(besides) or reserving.repeated() or reserving.fresh()
        return None if ballot is None else _showings(connection, [ballot])[0]

    def _expire(self, connection: sa.Connection) -> None:
        late = sa.and_(_BALLOT.state == BallotState.RESERVED, _BALLOT.expires_at <= self._now())
        connection.execute(sa.update(tables.ballot).where(late).values(state=BallotState.EXPIRED))

    def _room(self, connection: sa.Connection, ballot: Ballot) -> bool:
        """Whether one that was let go may still be voted on. A repeat takes nobody's place."""
        taken = queue_figures.taken()
        count = connection.scalar(sa.select(taken.c.number).where(taken.c.task == ballot.task)) or 0
        wanted = connection.scalar(sa.select(_TASK.wanted).where(_TASK.id == ballot.task)) or 0
        return bool(ballot.repeats) or count < wanted

    def _vote(self, ballot: Ballot, said: Judgement, seconds: float | None) -> Vote:
        return Vote(
            ballot.comparison,
            ballot.annotator,
            Choice(said.choice),
            blind=True,
            reason=said.reason,
            reasons=[str(reason) for reason in said.reasons],
            correct_answer=said.correct_answer,
            ballot=ballot.id,
            seconds=seconds,
            cast_at=self._now(),
        )

    def _own(self, connection: sa.Connection, ballot: str, annotator: str) -> Ballot:
        row = connection.execute(sa.select(tables.ballot).where(_BALLOT.id == ballot)).mappings().first()
        if row is None or row["annotator"] != annotator:
            raise PairGone("This pair was not shown to you: reload the page.")
        return ballot_from(row)

    def _set_task(self, connection: sa.Connection, task: str, **values: Any) -> None:
        connection.execute(sa.update(tables.task).where(_TASK.id == task).values(values))


def _showings(connection: sa.Connection, ballots: Sequence[Ballot]) -> list[Showing]:
    ids = {ballot.comparison for ballot in ballots}
    found = load(connection, sa.select(tables.comparison).where(tables.comparison.c.id.in_(ids)))
    comparisons = {comparison.id: comparison for comparison in found}
    return [Showing(ballot, comparisons[ballot.comparison]) for ballot in ballots]


def _past(connection: sa.Connection, annotator: str, limit: int, before: str = "") -> list[Showing]:
    closed = (BallotState.VOTED, BallotState.SKIPPED)
    query = sa.select(tables.ballot).where(_BALLOT.annotator == annotator, _BALLOT.state.in_(closed))
    if before:
        moment = sa.select(_BALLOT.closed_at).where(_BALLOT.id == before).scalar_subquery()
        query = query.where(_BALLOT.closed_at < moment)
    query = query.order_by(_BALLOT.closed_at.desc(), _BALLOT.id).limit(limit)
    return _showings(connection, [ballot_from(row) for row in connection.execute(query).mappings()])


def _set_reserved(connection: sa.Connection, ballots: Collection[str], **values: Any) -> None:
    """Change those of them that are reserved."""
    reserved = sa.and_(_BALLOT.id.in_(list(ballots)), _BALLOT.state == BallotState.RESERVED)
    connection.execute(sa.update(tables.ballot).where(reserved).values(values))
