"""`arena.ports.History` on a database: what is saved is on disk before a method returns.

Whether a vote is allowed is `arena.comparison.checked_vote`'s to say; this asks it, in the transaction that saves.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from arena.comparison import Comparison, Vote, checked_vote
from arena.elsewhere import Kept
from arena.errors import StorageError
from storage import rows, tables
from storage.database import Database, open_database
from storage.engine import insert_for

LONGEST_FILTER = 2000
"""Characters of a text filter that count: as many as a prompt may have. SQLite refuses patterns over 50,000 bytes."""

BATCH = 1000
"""Comparisons loaded by one statement; SQLite takes at most 32,766 parameters."""

_ANSWER = tables.answer.c
_PASSAGE = tables.passage.c
_VOTE = tables.vote.c
_CAST = tables.vote_history.c


def open_history(url_or_path: str | Path) -> "DatabaseHistory":
    """The history in this database, made or upgraded where needed. See `storage.database.open_database`."""
    return DatabaseHistory(open_database(url_or_path))


class DatabaseHistory:
    """Implements `arena.ports.History`. May be used by any number of threads and processes at once."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @property
    def engine(self) -> sa.Engine:
        return self.database.engine

    @property
    def path(self) -> Path:
        """The file, of an SQLite database."""
        return self.database.path

    def save(self, comparison: Comparison) -> None:
        """Store it, or replace what is stored under its id.

        Raises:
            StorageError: the database refuses, or it has votes and would no longer be what was voted on.
        """
        with self.database.writing() as connection:
            save_comparison(connection, comparison)

    def get(self, comparison_id: str) -> Comparison | None:
        with self.database.reading() as connection:
            return _one(connection, comparison_id)

    def recent(self, text: str = "", limit: int = 50, offset: int = 0) -> Sequence[Comparison]:
        """Newest first; `text` is looked for as it stands, so "100 %" finds a percentage."""
        table = tables.comparison
        query = sa.select(table).order_by(table.c.asked_at.desc(), table.c.id.desc())
        with self.database.reading() as connection:
            if wanted := text.strip()[:LONGEST_FILTER].lower():
                said, asked = (
                    self.database.lowered(connection, column).contains(wanted, autoescape=True)
                    for column in (_ANSWER.text, table.c.question)
                )
                query = query.where(sa.or_(asked, sa.exists().where(_ANSWER.comparison == table.c.id, said)))
            return load(connection, query.limit(max(limit, 0)).offset(max(offset, 0)))

    def cast(self, vote: Vote) -> Vote:
        """See `arena.ports.History.cast`. `cast_at` is the new vote's, `id` the first one's."""
        with self.database.writing() as connection:
            return cast_vote(connection, vote)

    def votes(self, comparison_id: str) -> Sequence[Vote]:
        query = sa.select(tables.vote).where(_VOTE.comparison == comparison_id).order_by(_VOTE.cast_at, _VOTE.id)
        return self._votes(query)

    def vote_history(self, comparison_id: str) -> Sequence[Vote]:
        query = sa.select(tables.vote_history, _CAST.vote.label("id")).where(_CAST.comparison == comparison_id)
        return self._votes(query.order_by(_CAST.number))

    def voted(self) -> list[tuple[Comparison, Sequence[Vote]]]:
        """Every comparison with its current votes, oldest first."""
        query = sa.select(tables.comparison).order_by(tables.comparison.c.asked_at, tables.comparison.c.id)
        with self.database.reading() as connection:
            votes: dict[str, list[Vote]] = defaultdict(list)
            for row in connection.execute(sa.select(tables.vote).order_by(_VOTE.cast_at, _VOTE.id)).mappings():
                votes[row["comparison"]].append(rows.vote_from(row))
            return [(comparison, votes[comparison.id]) for comparison in load(connection, query)]

    def kept(self) -> Kept:
        """How many casts are saved, those that a later one replaced included."""
        with self.database.reading() as connection:
            return Kept(connection.scalar(sa.select(sa.func.count(_CAST.number))) or 0)

    def check(self) -> str:
        """ "ready", or why nothing can be saved now."""
        return self.database.check()

    def _votes(self, query: sa.Select[tuple[object, ...]]) -> list[Vote]:
        with self.database.reading() as connection:
            return [rows.vote_from(row) for row in connection.execute(query).mappings()]


def save_comparison(connection: sa.Connection, comparison: Comparison) -> None:
    """See `DatabaseHistory.save`; within a transaction that writes."""
    stored = _one(connection, comparison.id, lock=True)
    if stored == comparison:
        return
    if stored and connection.scalar(sa.select(_VOTE.id).where(_VOTE.comparison == comparison.id).limit(1)):
        raise StorageError(
            f"Comparison {comparison.id} has votes, so it can no longer be changed. Ask the question again."
        )
    values = rows.comparison_row(comparison)
    upsert = insert_for(connection)(tables.comparison).values(values)
    connection.execute(upsert.on_conflict_do_update(index_elements=["id"], set_=values))
    connection.execute(sa.delete(tables.passage).where(_PASSAGE.comparison == comparison.id))
    connection.execute(sa.delete(tables.answer).where(_ANSWER.comparison == comparison.id))
    for name, answer in comparison.answers.items():
        named = replace(answer, contestant=name)
        connection.execute(sa.insert(tables.answer), rows.answer_row(comparison.id, named))
        if passages := rows.passage_rows(comparison.id, named):
            connection.execute(sa.insert(tables.passage), passages)


def cast_vote(connection: sa.Connection, vote: Vote) -> Vote:
    """See `DatabaseHistory.cast`; within a transaction that writes."""
    compared = _one(connection, vote.comparison, lock=True)
    checked = checked_vote(compared, vote.annotator, vote.choice, vote.blind, vote.reason)
    cleaned = {name: getattr(checked, name) for name in ("annotator", "choice", "reason")}
    saved = replace(vote, **cleaned)
    values = rows.vote_row(saved)
    changed = {name: value for name, value in values.items() if name not in ("id", "comparison", "annotator")}
    upsert = insert_for(connection)(tables.vote).values(values)
    upsert = upsert.on_conflict_do_update(index_elements=["comparison", "annotator"], set_=changed)
    saved = replace(saved, id=connection.execute(upsert.returning(_VOTE.id)).scalar_one())
    cast = {("vote" if name == "id" else name): value for name, value in rows.vote_row(saved).items()}
    number = connection.execute(sa.insert(tables.vote_history).values(cast)).inserted_primary_key
    connection.execute(sa.insert(tables.outbox).values(cast=number[0] if number else None))
    return saved


def _one(connection: sa.Connection, comparison_id: str, lock: bool = False) -> Comparison | None:
    """`lock`: nobody else saves it or votes on it until this transaction ends; rows may point to it meanwhile."""
    query = sa.select(tables.comparison).where(tables.comparison.c.id == comparison_id)
    found = load(connection, query.with_for_update(key_share=True) if lock else query)
    return found[0] if found else None


def load(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[Comparison]:
    """The comparisons that `query` selects, in its order, whole."""
    found = connection.execute(query).mappings().all()
    batches = (found[start : start + BATCH] for start in range(0, len(found), BATCH))
    return [comparison for batch in batches for comparison in _whole(connection, batch)]


def _whole(connection: sa.Connection, found: Sequence[sa.RowMapping]) -> list[Comparison]:
    ids = [row["id"] for row in found]
    ranked = sa.select(tables.passage).where(_PASSAGE.comparison.in_(ids)).order_by(_PASSAGE.rank)
    passages: dict[tuple[str, str], list[rows.Row]] = defaultdict(list)
    for row in connection.execute(ranked).mappings():
        passages[row["comparison"], row["contestant"]].append(row)
    answers = defaultdict(list)
    for row in connection.execute(sa.select(tables.answer).where(_ANSWER.comparison.in_(ids))).mappings():
        answers[row["comparison"]].append(rows.answer_from(row, passages[row["comparison"], row["contestant"]]))
    return [rows.comparison_from(row, answers[row["id"]]) for row in found]
