"""Takes records into a database without doubling any: what is here stays, of a vote the newest cast counts.

The same thing is recognised by its id; a vote by comparison and annotator, a cast by all that it says, a prompt by its
text, a task by prompt and sides, a ballot by task and annotator: two sites may have made it each on its own. Where a
person voted on one task at both, both ballots are kept: each vote names its own, which says how the pair was shown.
Everything is taken in one transaction, or nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from arena.annotation import BallotState, Reason, TaskState
from arena.comparison import Choice
from arena.errors import ImportRefused
from storage import tables
from storage.cells import as_json
from storage.queue import LOCK
from storage.queue_rows import ELSEWHERE
from storage.records import EXPORTED, Row, as_cast
from storage.sheets import Placed

DONE = (BallotState.VOTED, BallotState.SKIPPED)


@dataclass
class Merged:
    """Rows by table: `added`, `changed` to something newer, and `kept` because they are here already."""

    added: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)


def merge(connection: sa.Connection, found: Iterable[Placed], sent: bool = False) -> Merged:
    """Take these records. `sent`: they come from where the outbox sends to, and need not be sent there again.

    Raises:
        ImportRefused: a record points to something that is neither here nor among them, or has a choice, a state or
            reasons that nothing here could read.
    """
    if connection.dialect.name == "postgresql":  # SQLite lets nobody else write anyway
        # As whoever decides about the queue does, and first: what is decided meanwhile would be made twice.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        connection.exec_driver_sql("LOCK TABLE comparison, vote, vote_history, outbox IN SHARE ROW EXCLUSIVE MODE")
    merging = _Merging(connection)
    for placed in found:
        merging.by_table[placed.table].append(placed)
    for take in (merging.comparisons, merging.votes, merging.casts):
        take()
    merging.prompts_and_tasks()
    merging.ballots()
    fill_outbox(connection, datetime.now(UTC) if sent else None)
    counts = merging.done
    return Merged(+counts.added, +counts.changed, +counts.kept)


def fill_outbox(connection: sa.Connection, sent_at: datetime | None = None) -> None:
    """Give every cast that has none a row in the outbox."""
    outbox = tables.outbox.c
    missing = sa.select(tables.vote_history.c.number, sa.literal(sent_at, tables.UtcDateTime)).where(
        ~sa.exists().where(outbox.cast == tables.vote_history.c.number)
    )
    connection.execute(sa.insert(tables.outbox).from_select(["cast", "sent_at"], missing))


class _Merging:
    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.done = Merged()
        self.by_table: dict[str, list[Placed]] = {name: [] for name in EXPORTED}
        self.vote_ids: dict[str, str] = {}
        """Incoming id -> the id here."""
        self.revised: set[str] = set()
        """Ballots of which a newer vote came than the one here."""
        self.task_ids: dict[str, str] = {}

    def comparisons(self) -> None:
        """With their answers and passages. One that is here stays, unless its pair is not whole and nobody voted."""
        here, replaceable = self._ids(tables.comparison), self._replaceable()
        coming = {placed.row["id"]: placed for placed in self.by_table["comparison"]}
        ids = coming.keys() - (here - replaceable)
        self.done.kept["comparison"] += len(coming) - len(ids)
        self.done.changed["comparison"] += len(ids & here)
        self.done.added["comparison"] += len(ids - here)
        taken = [coming[name] for name in coming if name in ids]
        for old in ids & here:
            for table in (tables.passage, tables.answer):
                self.connection.execute(sa.delete(table).where(table.c.comparison == old))
            self.connection.execute(sa.delete(tables.comparison).where(tables.comparison.c.id == old))
        self._insert(tables.comparison, [placed.row for placed in taken])
        for name in ("answer", "passage"):
            rows = {}
            for placed in self.by_table[name]:
                self._refuse_unless(placed, "comparison", placed.row["comparison"] in here | ids)
                if placed.row["comparison"] in ids:
                    rows[tuple(placed.row[column.name] for column in EXPORTED[name].primary_key)] = placed.row
            self._insert(EXPORTED[name], list(rows.values()))

    def _replaceable(self) -> set[str]:
        """Comparisons here without a vote whose pair is not whole, and which come with a whole one."""
        ended = Counter(
            row["comparison"]
            for row in (placed.row for placed in self.by_table["answer"])
            if row["failure"] is None and row["reason"] not in (None, "stopped")
        )
        whole = {comparison for comparison, answers in ended.items() if answers >= 2}
        answer, comparison = tables.answer.c, tables.comparison.c
        finished = sa.select(sa.func.count()).where(
            answer.comparison == comparison.id, answer.failure.is_(None), answer.reason != "stopped"
        )
        voted = sa.exists().where(tables.vote.c.comparison == comparison.id)
        queued = sa.exists().where(tables.task.c.comparison == comparison.id)
        query = sa.select(comparison.id).where(finished.scalar_subquery() < 2, ~voted, ~queued)
        return whole & set(self.connection.scalars(query))

    def votes(self) -> None:
        """A person's vote on a comparison that is here, too, stays or is changed, by which of them was cast last."""
        here = {_whose(row): dict(row) for row in self.connection.execute(sa.select(tables.vote)).mappings()}
        known, taken = self._ids(tables.comparison), {row["id"] for row in here.values()}
        new: dict[str, Row] = {}
        newer: dict[str, Row] = {}
        for placed in self.by_table["vote"]:
            row = placed.row
            self._refuse_unless(placed, "comparison", row["comparison"] in known)
            self._check_vote(placed)
            there = here.get(_whose(row))
            if there is None and row["id"] in taken:
                raise ImportRefused(f"{placed.where}: the id {row['id']} belongs to another person's vote here.")
            if there is None:
                here[_whose(row)] = new[row["id"]] = row
                taken.add(row["id"])
            elif row["cast_at"] > there["cast_at"]:
                values = {**row, "id": there["id"]}
                (new if there["id"] in new else newer)[there["id"]] = here[_whose(row)] = values
                self.revised.add(row["ballot"])
            else:
                self.done.kept["vote"] += 1
            self.vote_ids[row["id"]] = here[_whose(row)]["id"]
        self._insert(tables.vote, list(new.values()), "vote")
        self.done.changed["vote"] += len(newer)
        for vote, values in newer.items():
            self.connection.execute(sa.update(tables.vote).where(tables.vote.c.id == vote).values(values))

    def casts(self) -> None:
        """The union of both histories: as often each as where it is oftener. A vote without its cast gets it."""
        here = Counter(_said(row) for row in self.connection.execute(sa.select(tables.vote_history)).mappings())
        history = self.by_table["vote_history"]
        told = Counter(_said(placed.row) for placed in history)
        history = history + [
            Placed(placed.where, "vote_history", as_cast(placed.row))
            for placed in self.by_table["vote"]
            if not told[_said(placed.row)]
        ]
        incoming: Counter[Any] = Counter()
        new = []
        for placed in history:
            self._check_vote(placed)
            self._refuse_unless(placed, "vote", placed.row["vote"] in self.vote_ids)
            said = _said(placed.row)
            incoming[said] += 1
            if incoming[said] <= here[said]:
                self.done.kept["vote_history"] += 1
            else:
                new.append({**placed.row, "vote": self.vote_ids[placed.row["vote"]]})
        self.done.added["vote_history"] += len(new)
        self._insert(tables.vote_history, new)

    def prompts_and_tasks(self) -> None:
        prompts = self._same(tables.prompt, lambda row: (row["text"],))
        comparisons = self._ids(tables.comparison)

        def at_home(placed: Placed) -> Row:
            row = placed.row
            self._check_one_of(placed, "state", TaskState)
            self._refuse_unless(placed, "prompt", row["prompt"] in prompts)
            self._refuse_unless(placed, "comparison", row["comparison"] is None or row["comparison"] in comparisons)
            return {**row, "prompt": prompts[row["prompt"]]}

        def asked_there(here: Row, there: Row) -> bool:
            return bool(here["state"] != TaskState.READY and there["state"] == TaskState.READY)

        key = ("prompt", "left", "right")
        self.task_ids = self._same(tables.task, lambda row: tuple(row[name] for name in key), at_home, asked_there)

    def ballots(self) -> None:
        comparisons = self._ids(tables.comparison)
        known = {row["id"]: dict(row) for row in self.connection.execute(sa.select(tables.ballot)).mappings()}
        voted = {_shown_to(row): row["id"] for row in known.values() if row["state"] == BallotState.VOTED}

        def at_home(placed: Placed) -> Row:
            row = placed.row
            self._check_ballot(placed)
            self._refuse_unless(placed, "task", row["task"] in self.task_ids)
            self._refuse_unless(placed, "comparison", row["comparison"] in comparisons)
            row = {**row, "task": self.task_ids[row["task"]]}
            if row["id"] in known:
                row["repeats"] = known[row["id"]]["repeats"]
            if row["state"] == BallotState.VOTED and voted.setdefault(_shown_to(row), row["id"]) != row["id"]:
                row["repeats"] = f"{ELSEWHERE}{row['id']}"
            return row

        def closed_there(here: Row, there: Row) -> bool:
            again = here["id"] == there["id"] and there["id"] in self.revised
            after_all = here["state"] == BallotState.SKIPPED and there["state"] == BallotState.VOTED
            return there["state"] in DONE and (here["state"] not in DONE or again or after_all)

        self._same(tables.ballot, _shown_to, at_home, closed_there, with_id=True)

    def _same(
        self,
        table: sa.Table,
        key: Callable[[Row], tuple[Any, ...]],
        at_home: Callable[[Placed], Row] = lambda placed: placed.row,
        newer: Callable[[Row, Row], bool] = lambda here, there: False,
        with_id: bool = False,
    ) -> dict[str, str]:
        """Take the rows of a table in which `key` may stand once, too, and return incoming id -> the id here. Of rows
        with one id the last counts: what was sent elsewhere has a ballot once for each of its casts. `with_id`: a newer
        row brings its id along."""
        rows = [dict(row) for row in self.connection.execute(sa.select(table)).mappings()]
        by_id, by_key = {row["id"]: row for row in rows}, {key(row): row for row in rows}
        ids = {}
        new: list[Row] = []
        for placed in {placed.row["id"]: placed for placed in self.by_table[table.name]}.values():
            row = at_home(placed)
            there = by_id.get(row["id"]) or by_key.get(key(row))
            ids[row["id"]] = there["id"] if there else row["id"]
            if there is None:
                new.append(row)
                by_id[row["id"]] = by_key[key(row)] = row
            elif newer(there, row):
                values = row if with_id else {**row, "id": there["id"]}
                self.connection.execute(sa.update(table).where(table.c.id == there["id"]).values(values))
                del by_id[there["id"]]
                by_id[values["id"]] = by_key[key(values)] = values
                self.done.changed[table.name] += 1
            else:
                self.done.kept[table.name] += 1
        self._insert(table, new, table.name)
        return {row["id"]: row["id"] for row in rows} | ids

    def _ids(self, table: sa.Table) -> set[str]:
        return set(self.connection.scalars(sa.select(table.c.id)))

    def _insert(self, table: sa.Table, rows: list[Row], count: str = "") -> None:
        if rows:
            self.connection.execute(sa.insert(table), rows)
        if count:
            self.done.added[count] += len(rows)

    def _refuse_unless(self, placed: Placed, column: str, there: bool) -> None:
        if not there:
            raise ImportRefused(
                f"{placed.where}: {column} is {placed.row[column]!r}, which is neither in the file nor here. Import "
                "the export that holds it, too, or take the row out."
            )

    def _check_one_of(self, placed: Placed, column: str, known: type[StrEnum]) -> None:
        if (value := placed.row[column]) not in list(known):
            raise ImportRefused(f"{placed.where}: {column} is {value!r}; use one of {', '.join(known)}.")

    def _check_vote(self, placed: Placed) -> None:
        self._check_one_of(placed, "choice", Choice)
        if not all(isinstance(reason, str) for reason in placed.row["reasons"]):
            raise ImportRefused(f"{placed.where}: reasons is {placed.row['reasons']!r}; it must be a list of texts.")

    def _check_ballot(self, placed: Placed) -> None:
        self._check_one_of(placed, "state", BallotState)
        if placed.row["state"] == BallotState.VOTED:
            self._check_one_of(placed, "choice", Choice)
        for reason in placed.row["reasons"]:
            if reason not in list(Reason):
                raise ImportRefused(f"{placed.where}: {reason!r} is no reason; use some of {', '.join(Reason)}.")


def _whose(row: Any) -> tuple[str, str]:
    """What a vote is known by: a person has one on each comparison."""
    return row["comparison"], row["annotator"]


def _shown_to(row: Any) -> tuple[str, str, str]:
    """What a ballot is known by: a person has one of each task, and one for each other that it checks."""
    return row["task"], row["annotator"], row["repeats"]


def _said(row: Any) -> tuple[Any, ...]:
    """What a cast says, whatever its vote is called where it was cast."""
    names = ("comparison", "annotator", "cast_at", "choice", "blind", "reason", "correct_answer", "ballot", "seconds")
    return (*(row[name] for name in names), as_json(row["reasons"]))
