"""One database that everything in this room shares: transactions for reading and for writing, and its health."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from arena.errors import StorageError
from storage.engine import engine_for
from storage.failures import told
from storage.migrate import upgrade
from storage.place import Place, SqliteFile, place_of

HEALTH_SECONDS = 0.5
"""How long `check` waits for a lock: a health check has to answer."""

ALPHABETS = ("und-x-icu", "pg_c_utf8")
"""PostgreSQL's collations whose lower() knows more than ASCII, whatever the database was made with."""


def open_database(url_or_path: str | Path) -> "Database":
    """The database at this place, made or upgraded where needed.

    `url_or_path`: a path, "sqlite:///relative/path", "sqlite:////absolute/path" or "postgresql://user@host/name".

    Raises:
        StorageError: no such folder or server, read-only, full, locked, not a database, or made by a newer version.
    """
    place = place_of(url_or_path)
    with told(place):
        if isinstance(place, SqliteFile):
            _refuse_folders(place.path)
        upgrade(place)
    return Database(place)


def _refuse_folders(path: Path) -> None:
    if path.is_dir():
        raise StorageError(f"{path} is a folder: give the database a file name in it, like {path / 'arena.sqlite'}")
    if not path.parent.is_dir():
        raise StorageError(f"There is no folder {path.parent} for the database: make it, or choose another place.")


class Database:
    """May be used by any number of threads and processes at once. `place`: one that `open_database` has upgraded."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.engine = engine_for(place)
        self._reading = self.engine.execution_options(readonly=True)
        self._checking = engine_for(place, busy_seconds=HEALTH_SECONDS)
        # SQLite lets writers poll for its lock; our own threads wait in line, which is faster and fair.
        file = isinstance(place, SqliteFile)
        self._one_writer: AbstractContextManager[Any] = threading.Lock() if file else nullcontext()

    @property
    def path(self) -> Path:
        """The file. Raises `StorageError` for a server."""
        if isinstance(self.place, SqliteFile):
            return self.place.path
        raise StorageError(f"{self.place} is a server, not a file.")

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that is on disk when this ends. What the database refuses becomes `StorageError`.

        SQLite: nobody else writes meanwhile. PostgreSQL (read committed): a row that decides what is written has to be
        selected `with_for_update()`.
        """
        with told(self.place), self._one_writer, self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database and writes nothing."""
        with told(self.place), self._reading.connect() as connection:
            yield connection

    def check(self) -> str:
        """ "ready", or why nothing can be saved now: tries a write and takes it back."""
        try:
            with told(self.place), self._checking.connect() as connection:
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
                connection.rollback()
        except StorageError as error:
            return str(error)
        return "ready"

    def close(self) -> None:
        """Let go of the server's connections; a file has none that last."""
        self.engine.dispose()
        self._checking.dispose()

    def lowered(self, connection: sa.Connection, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """`column` in small letters of any alphabet."""
        if connection.dialect.name == "postgresql":
            known = sa.text("SELECT collname FROM pg_collation WHERE collname IN :names").bindparams(
                sa.bindparam("names", ALPHABETS, expanding=True)
            )
            found = set(connection.scalars(known))
            for name in ALPHABETS:
                if name in found:
                    return sa.func.lower(sa.collate(column, name))
        return sa.func.lower(column)
