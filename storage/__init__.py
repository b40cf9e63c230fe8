"""Keeps comparisons and votes in one SQLite file, through SQLAlchemy and Alembic.

Covers: tables, migrations, the implementations of `arena.ports.History` and `arena.queue.Queue`, errors in words.
Does not cover: who may vote and what a vote means (arena/), pages (ui/).
"""

from storage.history import DatabaseHistory, open_history
from storage.queue import DatabaseQueue

DATABASE_FILE = "arena.sqlite"
"""The database's name in a workspace, where no other place is set."""

__all__ = ["DATABASE_FILE", "DatabaseHistory", "DatabaseQueue", "open_history"]
