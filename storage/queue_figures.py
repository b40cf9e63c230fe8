"""How far the queue is: for a person, for everybody, and for whoever looks after it. Reads only."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from arena.annotation import BallotState, TaskState
from arena.queue import Progress, QueueStatus, Work
from storage import tables

_BALLOT = tables.ballot.c
_TASK = tables.task.c


def taken() -> sa.Subquery:
    """How many people each task has: votes and reservations; repeats are neither."""
    kept = (BallotState.RESERVED, BallotState.VOTED)
    query = sa.select(_BALLOT.task, sa.func.count().label("number"))
    return query.where(_BALLOT.repeats == "", _BALLOT.state.in_(kept)).group_by(_BALLOT.task).subquery()


def _live(now: datetime) -> sa.ColumnElement[bool]:
    """A reservation that has not expired."""
    return sa.and_(_BALLOT.state == BallotState.RESERVED, _BALLOT.expires_at > now)


def progress(connection: sa.Connection, annotator: str, now: datetime) -> Progress:
    """See `arena.queue.Progress`."""
    mine = sa.select(sa.func.count()).where(_BALLOT.annotator == annotator)
    live = _live(now)
    first_voted = sa.and_(_BALLOT.state == BallotState.VOTED, _BALLOT.repeats == "")
    per_task = sa.select(_BALLOT.task, sa.func.count().label("number"))
    counted = per_task.where(_BALLOT.repeats == "", sa.or_(_BALLOT.state == BallotState.VOTED, live))
    others = counted.group_by(_BALLOT.task).subquery()
    touched = sa.exists().where(
        _BALLOT.task == _TASK.id,
        _BALLOT.annotator == annotator,
        _BALLOT.repeats == "",
        sa.or_(_BALLOT.state.in_((BallotState.VOTED, BallotState.SKIPPED)), live),
    )
    free = sa.select(sa.func.count()).select_from(tables.task).outerjoin(others, others.c.task == _TASK.id)
    free = free.where(_TASK.state == TaskState.READY, ~touched, sa.func.coalesce(others.c.number, 0) < _TASK.wanted)
    wanted = sa.select(sa.func.coalesce(sa.func.sum(_TASK.wanted), 0)).where(_TASK.state != TaskState.FAILED)
    preparing = sa.select(sa.func.count()).where(_TASK.state == TaskState.WAITING)

    def number(query: sa.Select[Any]) -> int:
        return connection.scalar(query) or 0

    return Progress(
        done=number(mine.where(_BALLOT.state == BallotState.VOTED)),
        open=number(mine.where(live)) + number(free),
        votes=number(sa.select(sa.func.count()).where(first_voted)),
        wanted=number(wanted),
        preparing=number(preparing),
    )


def status(connection: sa.Connection, now: datetime) -> QueueStatus:
    """See `arena.queue.QueueStatus`."""
    counted = connection.execute(sa.select(_TASK.state, sa.func.count()).group_by(_TASK.state))
    states = {str(state): int(number) for state, number in counted}
    live = _live(now)
    failures = connection.execute(sa.select(_TASK.id, _TASK.failure).where(_TASK.state == TaskState.FAILED))
    everybody = progress(connection, "", now)
    return QueueStatus(
        prompts=connection.scalar(sa.select(sa.func.count()).select_from(tables.prompt)) or 0,
        waiting=states.get(TaskState.WAITING, 0),
        ready=states.get(TaskState.READY, 0),
        failed=states.get(TaskState.FAILED, 0),
        votes=everybody.votes,
        wanted=everybody.wanted,
        reserved=connection.scalar(sa.select(sa.func.count()).where(live)) or 0,
        people=_people(connection),
        failures={str(task): str(why) for task, why in failures},
    )


def _people(connection: sa.Connection) -> list[Work]:
    voted, again, before = _BALLOT.state == BallotState.VOTED, tables.ballot.alias(), tables.ballot.alias()

    def number(*when: Any) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((sa.and_(*when), 1), else_=0)), 0)

    done = sa.select(
        _BALLOT.annotator,
        number(voted, _BALLOT.repeats == ""),
        number(_BALLOT.state == BallotState.SKIPPED),
        number(voted, _BALLOT.hasty),
    ).group_by(_BALLOT.annotator)
    both = sa.and_(again.c.state == BallotState.VOTED, before.c.state == BallotState.VOTED)
    repeated = (
        sa.select(again.c.annotator, sa.func.count(), number(again.c.choice == before.c.choice))
        .join(before, before.c.id == again.c.repeats)
        .where(both)
        .group_by(again.c.annotator)
    )
    twice = {row[0]: (row[1], row[2]) for row in connection.execute(repeated)}
    return [
        Work(name, votes, skipped, *twice.get(name, (0, 0)), hasty)
        for name, votes, skipped, hasty in sorted(map(tuple, connection.execute(done)))
    ]
