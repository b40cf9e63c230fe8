"""Between the queue's values and its tables' rows. No statements are run here."""

from typing import Any

from arena.annotation import Ballot, BallotState, QueuedPrompt, Reason, Task, TaskState
from storage.rows import Row

ELSEWHERE = "elsewhere:"
"""With a ballot's own id, in the column that names what is repeated: this person has another vote on the same task,
which was brought together with this one by an import. It repeats nothing, and takes nobody's place."""


def prompt_row(prompt: QueuedPrompt) -> dict[str, Any]:
    return {**vars(prompt), "source": prompt.source.value}


def task_row(task: Task) -> dict[str, Any]:
    return {**vars(task), "state": task.state.value, "comparison": task.comparison or None}


def task_from(row: Row) -> Task:
    return Task(
        prompt=row["prompt"],
        left=row["left"],
        right=row["right"],
        wanted=row["wanted"],
        id=row["id"],
        state=TaskState(row["state"]),
        comparison=row["comparison"] or "",
        failure=row["failure"],
    )


def ballot_row(ballot: Ballot) -> dict[str, Any]:
    return {**vars(ballot), "state": ballot.state.value, "reasons": [str(reason) for reason in ballot.reasons]}


def ballot_from(row: Row) -> Ballot:
    return Ballot(
        task=row["task"],
        comparison=row["comparison"],
        annotator=row["annotator"],
        swapped=row["swapped"],
        plain=row["plain"],
        expires_at=row["expires_at"],
        id=row["id"],
        repeats="" if row["repeats"].startswith(ELSEWHERE) else row["repeats"],
        state=BallotState(row["state"]),
        choice=row["choice"],
        skip_reason=row["skip_reason"],
        reserved_at=row["reserved_at"],
        closed_at=row["closed_at"],
        seconds=row["seconds"],
        hasty=row["hasty"],
        reasons=tuple(Reason(reason) for reason in row["reasons"]),
        reason=row["reason"],
        correct_answer=row["correct_answer"],
    )
