"""What SQLite says, in words a person can act on: every failure becomes a `StorageError` with path and way out.

SQLite's result codes: https://www.sqlite.org/rescode.html
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from arena.errors import StorageError

BUSY_SECONDS = 10.0
"""How long a statement waits for another program's lock before it gives up."""

_ELSEWHERE = "or choose another place for the database"
_MESSAGES = {
    sqlite3.SQLITE_BUSY: "{path} is locked by another program. Close what has it open (a database browser, a second "
    "server), then try again.",
    sqlite3.SQLITE_READONLY: "{path} is read-only. Make the file and its folder writable (chmod u+w), {elsewhere}.",
    sqlite3.SQLITE_FULL: "{path} could not grow: the disk is full. Free some space, {elsewhere}; what was saved "
    "before is safe.",
    sqlite3.SQLITE_IOERR: "{path} could not be read or written ({detail}). Check that the disk has space and is "
    "in order, {elsewhere}.",
    sqlite3.SQLITE_CANTOPEN: "{path} could not be opened. Check that it is there, and that the file and its folder "
    "can be read and written, {elsewhere}.",
    sqlite3.SQLITE_NOTADB: "{path} is not an SQLite database; it was left as it is. Move it away, {elsewhere}.",
    sqlite3.SQLITE_CORRUPT: "{path} is damaged ({detail}); it was left as it is. Put back a copy, or rescue what can "
    "be read with: sqlite3 {path} .recover",
}
_MESSAGES[sqlite3.SQLITE_LOCKED] = _MESSAGES[sqlite3.SQLITE_BUSY]
_MESSAGES[sqlite3.SQLITE_PERM] = _MESSAGES[sqlite3.SQLITE_READONLY]
_CODES = {
    errno.EACCES: sqlite3.SQLITE_READONLY,
    errno.EPERM: sqlite3.SQLITE_READONLY,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EDQUOT: sqlite3.SQLITE_FULL,
    errno.EFBIG: sqlite3.SQLITE_FULL,
}


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns what the database or the disk refuses into `StorageError`; other exceptions pass."""
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0)
        raise StorageError(_message(path, code, str(error.orig))) from error
    except sqlite3.Error as error:
        raise StorageError(_message(path, getattr(error, "sqlite_errorcode", 0), str(error))) from error
    except StatementError as error:
        raise StorageError(f"{path} cannot hold this value: {error.orig}") from error
    except SQLAlchemyError as error:
        raise StorageError(_message(path, 0, str(error))) from error
    except OSError as error:
        code = _CODES.get(error.errno or 0, sqlite3.SQLITE_IOERR)
        raise StorageError(_message(path, code, str(error))) from error


def not_a_database(path: Path) -> StorageError:
    """The error for a file that SQLite would overwrite without a word."""
    return StorageError(_message(path, sqlite3.SQLITE_NOTADB, ""))


def _message(path: Path, code: int, detail: str) -> str:
    # The low byte is the kind of failure, the rest its place (SQLITE_IOERR_WRITE, SQLITE_READONLY_DIRECTORY, ...).
    text = _MESSAGES.get(code & 0xFF, "{path} refused: {detail}. The server's log has the details.")
    return text.format(path=path, detail=detail, elsewhere=_ELSEWHERE)
