"""Brings a database file to the tables this version works with, at start, and says why where it cannot.

A file that is up to date is recognised without Alembic, whose import alone takes longer than the rest of the
start. The upgrade is one transaction: killed half-way, it leaves the database as it was.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.errors import StorageError
from storage.engine import make_engine
from storage.failures import not_a_database

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0002"
"""The newest revision in migrations/versions; a test compares the two."""

LOCK_SECONDS = 30.0

SMALLEST_DATABASE = 512
"""Bytes. SQLite takes any shorter file for an empty database and writes over it."""


def upgrade(path: Path) -> None:
    """Create or upgrade the database at `path` where needed, one process at a time.

    Raises:
        StorageError: made by a newer version, another program's database, or another process upgrades for ever.
    """
    size = path.stat().st_size if path.exists() else 0
    if 0 < size < SMALLEST_DATABASE and not path.with_name(path.name + "-journal").exists():
        raise not_a_database(path)
    if size and revision(path) == HEAD:
        return
    from filelock import FileLock, Timeout

    lock = path.with_name(path.name + ".lock")
    try:
        with FileLock(lock, timeout=LOCK_SECONDS):
            path.touch()  # an empty file is an empty database
            if (found := revision(path)) != HEAD:
                _refuse_strangers(path, found)
                _run(path)
    except Timeout:
        raise StorageError(
            f"{path} is being upgraded by another process since {LOCK_SECONDS:.0f} seconds ({lock} is held). "
            "Wait for it or stop it, then start again."
        ) from None


def revision(path: Path) -> str | None:
    """The revision the file is at; None for an empty file or a database that Alembic does not know."""
    with make_engine(path).connect().execution_options(readonly=True) as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return found


def configuration(connection: sa.Connection) -> "Config":
    """Alembic's configuration for an open connection; there is no alembic.ini."""
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _refuse_strangers(path: Path, found: str | None) -> None:
    from alembic.script import ScriptDirectory

    with make_engine(path).connect().execution_options(readonly=True) as connection:
        tables = sa.inspect(connection).get_table_names()
        known = {script.revision for script in ScriptDirectory.from_config(configuration(connection)).walk_revisions()}
    if tables and "alembic_version" not in tables:
        raise StorageError(
            f"{path} is another program's database (it holds {', '.join(tables[:3])}); it was left as it is. "
            "Choose another place for the database."
        )
    if found is not None and found not in known:
        raise StorageError(
            f"{path} was made by a newer version of this program (revision {found}, this one knows {HEAD}); it was "
            "left as it is. Update the program, or choose another place for the database."
        )


def _run(path: Path) -> None:
    from alembic import command

    # Foreign keys off: Alembic changes an SQLite table by copying, dropping and renaming it.
    with make_engine(path, foreign_keys=False).begin() as connection:
        command.upgrade(configuration(connection), "head")
        if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
            raise StorageError(f"{path} was not upgraded: {len(broken)} rows would point to nothing. It is as it was.")
