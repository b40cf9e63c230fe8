"""Copies of an SQLite database, made while the app writes to it, checked before they count, and put back.

SQLite's own backup reads pages under its lock, so that a copy is one moment of the database and never half a vote
(https://www.sqlite.org/backup.html). PostgreSQL has tools of its own for this, which the messages name.
"""

import os
import re
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from arena.errors import ArenaError, StorageError
from storage.database import Database
from storage.failures import told
from storage.migrate import revision, upgrade
from storage.place import Place, SqliteFile

NAME = re.compile(r"arena-(\d{8}T\d{6}\.\d{6}Z)(-before-restore)?\.sqlite")
MOMENT = "%Y%m%dT%H%M%S.%fZ"
BEFORE_RESTORE = "-before-restore"
HALF = ".tmp"
HOURS = 24.0
KEPT = 7


@dataclass(frozen=True)
class Settings:
    """`[backups]` in workspace.toml. `every_hours`: 0 for none by themselves. `keep`: the newest so many stay."""

    every_hours: float = HOURS
    keep: int = KEPT
    folder: str = "backups"


@dataclass(frozen=True)
class Backup:
    """One that is whole."""

    path: Path
    made_at: datetime
    bytes: int


@contextmanager
def snapshot(database: Database) -> Iterator[Database]:
    """The database as it is now, to read from for as long as it takes while others write."""
    if not isinstance(database.place, SqliteFile):
        yield database  # a server's readers hold nobody up, and see one state in each transaction
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "snapshot.sqlite"
        with told(database.place):
            _copy(database.path, copy)
        yield Database(SqliteFile(copy))


class Backups:
    """The backups of one database, in one folder."""

    def __init__(self, place: Place, folder: Path, settings: Settings | None = None) -> None:
        """Raises `StorageError` for a server: it has tools of its own."""
        if not isinstance(place, SqliteFile):
            raise StorageError(
                f"{place} is backed up with PostgreSQL's own tools: pg_dump --format=custom --file=arena.dump "
                '"$DATABASE_URL", and back with pg_restore --clean --dbname="$DATABASE_URL" arena.dump'
            )
        self.place = place
        self.settings = settings or Settings()
        self.folder = folder / self.settings.folder

    def all(self) -> list[Backup]:
        """Newest first; only those that are whole."""
        if not self.folder.is_dir():
            return []
        found = [(match, path) for path in self.folder.iterdir() if (match := NAME.fullmatch(path.name))]
        backups = [
            Backup(path, datetime.strptime(match[1], MOMENT).replace(tzinfo=UTC), path.stat().st_size)
            for match, path in found
        ]
        return sorted(backups, key=lambda backup: backup.made_at, reverse=True)

    def make(self, why: str = "") -> Path:
        """A new backup, checked; the oldest beyond `keep` go. `why` is a part of its name.

        Raises:
            StorageError: the database or the disk refuses, or the copy is not in order (it does not stay then).
        """
        with told(self.place):
            if not self.place.path.is_file():
                raise StorageError(f"There is no database at {self.place} to back up.")
            self.folder.mkdir(mode=0o700, exist_ok=True)
            target = self.folder / f"arena-{_now()}{why}.sqlite"
            half = target.with_name(target.name + HALF)
            try:
                _copy(self.place.path, half)
                _refuse_damaged(half)
                _sync(half)
                half.rename(target)
                _sync(self.folder)
            finally:
                half.unlink(missing_ok=True)
        self._rotate()
        return target

    def restore(self, source: Path) -> Path | None:
        """Put a backup in the database's place, and return where what was there is kept (None: nothing was). Everybody
        signs in anew: a sign-in that has ended since must not come back.

        Raises:
            StorageError: no backup, not in order, of a newer version, or the database is in use.
        """
        if not source.is_file():
            raise StorageError(f"There is no file {source}: `python app.py backups` lists what there is.")
        with told(SqliteFile(source)):
            _refuse_damaged(source)
            if revision(SqliteFile(source)) is None:
                raise StorageError(
                    f"{source} is no backup of this program: it was left as it is, and so was the database."
                )
        with alone(self.place), tempfile.TemporaryDirectory(dir=self.place.path.parent) as folder, told(self.place):
            ready = Path(folder) / "restored.sqlite"
            shutil.copyfile(source, ready)
            upgrade(SqliteFile(ready))  # one from an older version; a newer one is refused here
            with closing(sqlite3.connect(ready)) as connection, connection:
                connection.execute("DELETE FROM sign_in")
            kept = self._put_aside()
            if self.place.path.is_file():
                _copy(ready, self.place.path)
            else:
                ready.rename(self.place.path)
            _refuse_damaged(self.place.path)
        return kept

    def _put_aside(self) -> Path | None:
        """What is there now, as a backup; a damaged file is moved away as it is, with what it had begun to write."""
        path = self.place.path
        if path.is_file() and _sound(path):
            return self.make(BEFORE_RESTORE)
        moved = None
        for part in (path.with_name(path.name + "-journal"), path):
            if part.exists():
                moved = part.rename(part.with_name(f"{part.name}.damaged-{_now()}"))
        return moved

    def _rotate(self) -> None:
        """What was put aside by a restore is counted apart: making backups again does not drop it."""
        for aside in (True, False):
            of_kind = [backup for backup in self.all() if (BEFORE_RESTORE in backup.path.name) == aside]
            for backup in of_kind[max(self.settings.keep, 1) :]:
                backup.path.unlink(missing_ok=True)


class Schedule:
    """Makes backups in a thread of its own, every so many hours, when something was written since the last."""

    def __init__(self, backups: Backups, say: Callable[[str], object]) -> None:
        self.backups, self._say = backups, say
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="backups")

    def start(self) -> "Schedule":
        if self.backups.settings.every_hours > 0:
            self._thread.start()
        return self

    def close(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def due_in(self, now: datetime) -> float:
        """Seconds until the next; 0 when it is due."""
        newest = next(iter(self.backups.all()), None)
        if newest is None:
            return 0.0
        due = newest.made_at + timedelta(hours=self.backups.settings.every_hours)
        return max((due - now).total_seconds(), 0.0)

    def changed(self) -> bool:
        """Whether the database was written to after the newest backup was begun."""
        newest = next(iter(self.backups.all()), None)
        return newest is None or self.backups.place.path.stat().st_mtime > newest.made_at.timestamp()

    def _run(self) -> None:
        wait = self.due_in(datetime.now(UTC))
        while not self._ended.wait(wait):
            wait = self.backups.settings.every_hours * 3600
            try:
                if self.changed():
                    self._say(f"backup: {self.backups.make()}")
            except (ArenaError, OSError) as error:
                self._say(f"No backup was made: {error}")


@contextmanager
def in_use(place: Place) -> Iterator[None]:
    """While the app serves a database: `alone` is refused meanwhile. However the process ends, so does the lock."""
    with ExitStack() as held:
        if isinstance(place, SqliteFile):
            from filelock import ReadWriteLock

            # A folder that cannot be written to, or locks nothing, is served all the same.
            with suppress(sqlite3.Error, OSError):
                held.enter_context(ReadWriteLock(_lock(place), is_singleton=False).read_lock())
        yield


@contextmanager
def alone(place: SqliteFile) -> Iterator[None]:
    """Nobody serves the database. Raises `StorageError` when somebody does."""
    from filelock import ReadWriteLock, Timeout

    try:
        with ReadWriteLock(_lock(place), is_singleton=False).write_lock(timeout=0):
            yield
    except Timeout:
        raise StorageError(f"The app is running on {place}: stop it, restore, then start it again.") from None


def _lock(place: SqliteFile) -> Path:
    return place.path.with_name(place.path.name + ".serving")


def _copy(source: Path, target: Path) -> None:
    """SQLite's own backup: waits for whoever writes, and holds writers up while it reads. Not read-only: what a killed
    process had begun to write is undone first."""
    address = source.absolute().as_uri() + "?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=10)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


def _sound(path: Path) -> bool:
    try:
        return _faults(path) == ["ok"]
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return False
        raise


def _refuse_damaged(path: Path) -> None:
    if (found := _faults(path)) != ["ok"]:
        raise StorageError(f"{path} is not in order ({'; '.join(found)}): it does not count as a backup.")


def _faults(path: Path) -> list[str]:
    address = path.absolute().as_uri() + "?mode=rw"
    with closing(sqlite3.connect(address, uri=True)) as database:
        return [str(row[0]) for row in database.execute("PRAGMA integrity_check(5)")]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _now() -> str:
    return datetime.now(UTC).strftime(MOMENT)
