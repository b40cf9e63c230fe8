"""Keeps comparisons, votes and people in one SQLite file, through SQLAlchemy and Alembic.

Covers: tables, migrations, the implementation of `arena.ports.History`, errors in words.
Does not cover: who may vote and what a vote means (arena/), pages (ui/).
"""

from storage.history import DatabaseHistory, open_history
from storage.people import DatabasePeople, open_people

DATABASE_FILE = "arena.sqlite"
"""The database's name in a workspace, where no other place is set."""

__all__ = ["DATABASE_FILE", "DatabaseHistory", "DatabasePeople", "open_history", "open_people"]
