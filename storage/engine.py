"""A place as a SQLAlchemy engine whose commits survive kill -9 and power loss.

SQLite: rollback journal (its default) rather than WAL: the database stays one file that can live on any file
system, and SQLite before 3.51.3 can corrupt a WAL in a rare race. `synchronous=EXTRA`, because with a rollback
journal `FULL` does not sync the folder after the journal's removal: power loss could bring the journal back and
undo an acknowledged vote (https://www.sqlite.org/pragma.html#pragma_synchronous). Votes are few; it is affordable.

PostgreSQL: its own defaults (every commit is synced before it is acknowledged), with a limit to every wait.
"""

import sqlite3
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import NullPool

from arena.errors import StorageError
from storage.failures import BUSY_SECONDS
from storage.place import Place, Server

CONNECTIONS = 40
"""Open at once, to a server: as many events as Gradio runs at once."""

IDLE_SECONDS = 300
"""A pooled connection older than this is made anew: proxies drop idle ones without a word."""


def insert_for(connection: sa.Connection) -> Any:
    """The `insert` of the connection's database, which knows `on_conflict_do_update`: `insert_for(c)(table)`."""
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


def engine_for(place: Place, *, foreign_keys: bool = True, busy_seconds: float | None = None) -> sa.Engine:
    """An engine for an existing database. `execution_options(readonly=True)` takes no lock and sees one snapshot.
    `busy_seconds`: how long to wait for another's lock, BUSY_SECONDS where not given. `foreign_keys`: SQLite only."""
    if isinstance(place, Server):
        return _server_engine(place, BUSY_SECONDS if busy_seconds is None else busy_seconds)
    return make_engine(place.path, foreign_keys=foreign_keys, busy_seconds=busy_seconds)


def make_engine(path: Path, *, foreign_keys: bool = True, busy_seconds: float | None = None) -> sa.Engine:
    """An engine for an SQLite file. Transactions take the write lock at once, so that two that read and
    then write wait for each other instead of failing; `execution_options(readonly=True)` takes none.

    No pool: opening costs a fraction of a millisecond, and a file deleted or replaced under a running server is
    noticed at the next statement, where a pooled connection would go on acknowledging votes into a deleted file.
    """
    address = path.absolute().as_uri() + "?mode=rw"  # never creates: a missing file is an error, not an empty one

    patience = BUSY_SECONDS if busy_seconds is None else busy_seconds

    def connect() -> sqlite3.Connection:
        # isolation_level None: SQLAlchemy's events below, not the driver, begin transactions.
        return sqlite3.connect(address, uri=True, timeout=patience, isolation_level=None, check_same_thread=False)

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=EXTRA")
        connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
        # SQLite's own lower() knows ASCII only.
        connection.create_function("lower", 1, _lower, deterministic=True)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        readonly = connection.get_execution_options().get("readonly", False)
        connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")

    return engine


def _server_engine(server: Server, patience: float) -> sa.Engine:
    if find_spec("psycopg") is None:
        raise StorageError(f"{server} needs PostgreSQL's client: pip install -r requirements-stores.txt")
    engine = sa.create_engine(
        server.url,
        pool_pre_ping=True,
        pool_recycle=IDLE_SECONDS,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
        # Statements prepared by name do not survive a pooler that shares connections between clients. libpq takes no
        # less than two seconds.
        connect_args={"connect_timeout": max(2, round(patience)), "prepare_threshold": None},
    )

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.execute(f"SET lock_timeout = {round(patience * 1000)}")
        connection.commit()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("readonly", False):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    return engine


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
