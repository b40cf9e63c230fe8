"""One SQLite file as a SQLAlchemy engine whose commits survive kill -9 and power loss.

Rollback journal (SQLite's default) rather than WAL: the database stays one file that can live on any file
system, and SQLite before 3.51.3 can corrupt a WAL in a rare race. `synchronous=EXTRA`, because with a rollback
journal `FULL` does not sync the folder after the journal's removal: power loss could bring the journal back and
undo an acknowledged vote (https://www.sqlite.org/pragma.html#pragma_synchronous). Votes are few; it is affordable.
"""

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from storage.failures import BUSY_SECONDS


def make_engine(path: Path, *, foreign_keys: bool = True, busy_seconds: float | None = None) -> sa.Engine:
    """An engine for an existing file. Transactions take the write lock at once, so that two that read and
    then write wait for each other instead of failing; `execution_options(readonly=True)` takes none.
    `busy_seconds`: how long to wait for another's lock, BUSY_SECONDS where not given.

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


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
