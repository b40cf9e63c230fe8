"""`arena.ports.History` on a database file: what is saved is on disk before a method returns.

Whether a vote is allowed is `arena.comparison.checked_vote`'s to say; this asks it, in the transaction that saves.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from arena.comparison import Comparison, Vote, checked_vote
from arena.errors import StorageError
from storage import rows, tables
from storage.engine import make_engine
from storage.failures import told
from storage.migrate import upgrade

LONGEST_FILTER = 2000
"""Characters of a text filter that count: as many as a prompt may have. SQLite refuses patterns over 50,000 bytes."""

HEALTH_SECONDS = 0.5
"""How long `check` waits for a lock: a health check has to answer."""

BATCH = 1000
"""Comparisons loaded by one statement; SQLite takes at most 32,766 parameters."""

_ANSWER = tables.answer.c
_PASSAGE = tables.passage.c
_VOTE = tables.vote.c
_CAST = tables.vote_history.c


def open_history(url_or_path: str | Path) -> "DatabaseHistory":
    """The history in this file, made or upgraded where needed.

    `url_or_path`: a path, or "sqlite:///relative/path", "sqlite:////absolute/path".

    Raises:
        StorageError: no such folder, read-only, full, locked, not a database, or made by a newer version.
    """
    path = _path(url_or_path)
    with told(path):
        if path.is_dir():
            raise StorageError(f"{path} is a folder: give the database a file name in it, like {path / 'arena.sqlite'}")
        if not path.parent.is_dir():
            raise StorageError(f"There is no folder {path.parent} for the database: make it, or choose another place.")
        upgrade(path)
    return DatabaseHistory(path)


def _path(url_or_path: str | Path) -> Path:
    text = str(url_or_path)
    if "://" not in text:
        return Path(text)
    kind, _, rest = text.partition("://")
    place = unquote(rest.partition("?")[0].removeprefix("/"))
    if kind.partition("+")[0] != "sqlite" or place in ("", ":memory:"):
        # Without what stands before "@": an address may hold a password.
        shown = f"{kind}://{rest.rpartition('@')[2]}"
        raise StorageError(f"'{shown}' is not a database file: use sqlite:///folder/arena.sqlite or a path.")
    return Path(place)


class DatabaseHistory:
    """Implements `arena.ports.History`. May be used by any number of threads and processes at once."""

    def __init__(self, path: Path) -> None:
        """`path`: a file that `open_history` has brought up to date."""
        self.path = path
        self.engine = make_engine(path)
        self._reading = self.engine.execution_options(readonly=True)
        self._checking = make_engine(path, busy_seconds=HEALTH_SECONDS)
        # SQLite lets writers poll for its lock; our own threads wait in line, which is faster and fair.
        self._one_writer = threading.Lock()

    def save(self, comparison: Comparison) -> None:
        """Store it, or replace what is stored under its id.

        Raises:
            StorageError: the database refuses, or it has votes and would no longer be what was voted on.
        """
        with self.writing() as connection:
            save_comparison(connection, comparison)

    def get(self, comparison_id: str) -> Comparison | None:
        with self.reading() as connection:
            return _one(connection, comparison_id)

    def recent(self, text: str = "", limit: int = 50, offset: int = 0) -> Sequence[Comparison]:
        """Newest first; `text` is looked for as it stands, so "100 %" finds a percentage."""
        table = tables.comparison
        query = sa.select(table).order_by(table.c.asked_at.desc(), table.c.id.desc())
        if wanted := text.strip()[:LONGEST_FILTER].lower():
            in_answer = sa.exists().where(
                _ANSWER.comparison == table.c.id, sa.func.lower(_ANSWER.text).contains(wanted, autoescape=True)
            )
            query = query.where(sa.or_(sa.func.lower(table.c.question).contains(wanted, autoescape=True), in_answer))
        with self.reading() as connection:
            return load(connection, query.limit(max(limit, 0)).offset(max(offset, 0)))

    def cast(self, vote: Vote) -> Vote:
        """See `arena.ports.History.cast`. `cast_at` is the new vote's, `id` the first one's."""
        with self.writing() as connection:
            return cast_vote(connection, vote)

    def votes(self, comparison_id: str) -> Sequence[Vote]:
        query = sa.select(tables.vote).where(_VOTE.comparison == comparison_id).order_by(_VOTE.cast_at, _VOTE.id)
        return self._votes(query)

    def vote_history(self, comparison_id: str) -> Sequence[Vote]:
        query = sa.select(tables.vote_history, _CAST.vote.label("id")).where(_CAST.comparison == comparison_id)
        return self._votes(query.order_by(_CAST.number))

    def check(self) -> str:
        """ "ready", or why nothing can be saved now: tries a write and takes it back."""
        try:
            with told(self.path), self._checking.connect() as connection:
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
                connection.rollback()
        except StorageError as error:
            return str(error)
        return "ready"

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that holds the write lock from its start; commits at the end, and on disk then."""
        with told(self.path), self._one_writer, self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """What is read in it is of one moment."""
        with told(self.path), self._reading.connect() as connection:
            yield connection

    def _votes(self, query: sa.Select[tuple[object, ...]]) -> list[Vote]:
        with self.reading() as connection:
            return [rows.vote_from(row) for row in connection.execute(query).mappings()]


def save_comparison(connection: sa.Connection, comparison: Comparison) -> None:
    """See `DatabaseHistory.save`; within a transaction that writes."""
    stored = load(connection, sa.select(tables.comparison).where(tables.comparison.c.id == comparison.id))
    if stored and stored[0] == comparison:
        return
    if stored and connection.scalar(sa.select(_VOTE.id).where(_VOTE.comparison == comparison.id).limit(1)):
        raise StorageError(
            f"Comparison {comparison.id} has votes, so it can no longer be changed. Ask the question again."
        )
    values = rows.comparison_row(comparison)
    upsert = insert(tables.comparison).values(values)
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
    compared = _one(connection, vote.comparison)
    checked = checked_vote(compared, vote.annotator, vote.choice, vote.blind, vote.reason)
    cleaned = {name: getattr(checked, name) for name in ("annotator", "choice", "reason")}
    saved = replace(vote, **cleaned)
    values = rows.vote_row(saved)
    changed = {name: value for name, value in values.items() if name not in ("id", "comparison", "annotator")}
    upsert = insert(tables.vote).values(values)
    upsert = upsert.on_conflict_do_update(index_elements=["comparison", "annotator"], set_=changed)
    saved = replace(saved, id=connection.execute(upsert.returning(_VOTE.id)).scalar_one())
    cast = {("vote" if name == "id" else name): value for name, value in rows.vote_row(saved).items()}
    connection.execute(sa.insert(tables.vote_history), cast)
    return saved


def _one(connection: sa.Connection, comparison_id: str) -> Comparison | None:
    found = load(connection, sa.select(tables.comparison).where(tables.comparison.c.id == comparison_id))
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
