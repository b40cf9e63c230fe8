"""Keeps comparisons, votes and people in an SQLite file or a PostgreSQL server, through SQLAlchemy and Alembic.

Covers: tables, migrations, the implementations of `arena.ports.History` and `arena.queue.Queue`, errors in words;
exports and imports, backups, and what is sent elsewhere and back.
Does not cover: who may vote and what a vote means (arena/), pages (ui/), what a training makes of votes (finetune/).
"""

from storage.database import Database, open_database
from storage.history import DatabaseHistory, open_history
from storage.judgements import DatabaseJudgements
from storage.people import DatabasePeople, open_people
from storage.place import DATABASE_FILE, chosen
from storage.queue import DatabaseQueue

__all__ = [
    "DATABASE_FILE",
    "Database",
    "DatabaseHistory",
    "DatabaseJudgements",
    "DatabasePeople",
    "DatabaseQueue",
    "chosen",
    "open_database",
    "open_history",
    "open_people",
]
