"""Brings a database to the tables this version works with, at start, and says why where it cannot.

One that is up to date is recognised without Alembic, whose import alone takes longer than the rest of the
start. The upgrade is one transaction: killed half-way, it leaves the database as it was.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from arena.errors import StorageError
from storage.engine import engine_for
from storage.failures import not_a_database
from storage.place import Place, Server, SqliteFile
from storage.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0002"
"""The newest revision in migrations/versions; a test compares the two."""

LOCK_SECONDS = 30.0

UPGRADING = 7_264_501
"""A number of our own for PostgreSQL's advisory lock: those who upgrade wait in line."""

SMALLEST_DATABASE = 512
"""Bytes. SQLite takes any shorter file for an empty database and writes over it."""


def upgrade(place: Place) -> None:
    """Create or upgrade the database at `place` where needed, one process at a time.

    Raises:
        StorageError: made by a newer version, another program's database, or another process upgrades for ever.
    """
    if isinstance(place, Server):
        if revision(place) != HEAD:
            _upgrade_server(place)
    else:
        _upgrade_file(place)


def _upgrade_file(file: SqliteFile) -> None:
    path = file.path
    size = path.stat().st_size if path.exists() else 0
    if 0 < size < SMALLEST_DATABASE and not path.with_name(path.name + "-journal").exists():
        raise not_a_database(file)
    if size and revision(file) == HEAD:
        return
    from filelock import FileLock, Timeout

    lock = path.with_name(path.name + ".lock")
    try:
        with FileLock(lock, timeout=LOCK_SECONDS):
            path.touch(mode=0o600)  # an empty file is an empty database; passwords' hashes are nobody else's to read
            if (found := revision(file)) != HEAD:
                _refuse_strangers(file, found)
                _run(file)
    except Timeout:
        raise StorageError(
            f"{path} is being upgraded by another process since {LOCK_SECONDS:.0f} seconds ({lock} is held). "
            "Wait for it or stop it, then start again."
        ) from None


def _upgrade_server(server: Server) -> None:
    from alembic import command

    with _briefly(server, busy_seconds=LOCK_SECONDS) as engine, engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADING})
        if (found := _found(connection)) != HEAD:
            _refuse_foreign(connection, server, found)
            command.upgrade(configuration(connection), "head")


def revision(place: Place) -> str | None:
    """The revision the database is at; None for an empty one or one that Alembic does not know."""
    with _briefly(place) as engine, engine.connect().execution_options(readonly=True) as connection:
        return _found(connection)


@contextmanager
def _briefly(place: Place, **settings: Any) -> Iterator[sa.Engine]:
    """An engine that leaves no connection behind."""
    engine = engine_for(place, **settings)
    try:
        yield engine
    finally:
        engine.dispose()


def _found(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def configuration(connection: sa.Connection) -> "Config":
    """Alembic's configuration for an open connection; there is no alembic.ini."""
    from alembic.config import Config

    config = Config(stdout=sys.stdout)  # its own default is what stdout was when Alembic was imported
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _refuse_strangers(file: SqliteFile, found: str | None) -> None:
    with engine_for(file).connect().execution_options(readonly=True) as connection:
        _refuse_foreign(connection, file, found)


def _refuse_foreign(connection: sa.Connection, place: Place, found: str | None) -> None:
    from alembic.script import ScriptDirectory

    present = sa.inspect(connection).get_table_names()
    if isinstance(place, Server):  # a database there may be shared: only tables of our names are in the way
        present = [name for name in present if name in metadata.tables or name == "alembic_version"]
    known = {script.revision for script in ScriptDirectory.from_config(configuration(connection)).walk_revisions()}
    if present and "alembic_version" not in present:
        raise StorageError(
            f"{place} is another program's database (it holds {', '.join(present[:3])}); it was left as it is. "
            "Choose another place for the database."
        )
    if found is not None and found not in known:
        raise StorageError(
            f"{place} was made by a newer version of this program (revision {found}, this one knows {HEAD}); it was "
            "left as it is. Update the program, or choose another place for the database."
        )


def _run(file: SqliteFile) -> None:
    from alembic import command

    # Foreign keys off: Alembic changes an SQLite table by copying, dropping and renaming it.
    with engine_for(file, foreign_keys=False).begin() as connection:
        command.upgrade(configuration(connection), "head")
        if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
            raise StorageError(f"{file} was not upgraded: {len(broken)} rows would point to nothing. It is as it was.")
