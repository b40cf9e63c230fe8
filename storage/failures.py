"""What a database says, in words a person can act on: every failure becomes a `StorageError` with place and way out.

SQLite's result codes: https://www.sqlite.org/rescode.html
PostgreSQL's: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from arena.errors import StorageError
from storage.place import Place, Server, SqliteFile

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


_SERVER_MESSAGES = {
    "25006": "{place} can only be read, not written: it is a standby, or made read-only. Use the primary's address.",
    "42501": "{place} refuses this user ({detail}). Grant it the right, or use another user in the address.",
    "53100": "{place} could not grow: the server's disk is full. Free some space; what was saved before is safe.",
    "53300": "{place} has no connection left. Close some, or raise max_connections on the server.",
    "55P03": "{place} is locked by another program. Close what has it open, then try again.",
    "40P01": "{place} could not finish: two that saved waited for each other. Try again.",
}
_NO_ANSWER = (
    "{place} does not answer ({detail}). Check that the server runs, and that host, port, user, password and database "
    "in the address are right."
)
_REFUSED = "{place} refused: {detail}. The server's log has the details."


@contextmanager
def told(place: Place) -> Iterator[None]:
    """Turns what the database or the disk refuses into `StorageError`; other exceptions pass."""
    try:
        yield
    except DBAPIError as error:
        raise StorageError(_said(place, error.orig)) from error
    except sqlite3.Error as error:
        raise StorageError(_said(place, error)) from error
    except StatementError as error:
        raise StorageError(f"{place} cannot hold this value: {error.orig}") from error
    except SQLAlchemyError as error:
        raise StorageError(_said(place, error)) from error
    except OSError as error:
        code = _CODES.get(error.errno or 0, sqlite3.SQLITE_IOERR)
        raise StorageError(_file_message(place, code, str(error))) from error


def not_a_database(place: SqliteFile) -> StorageError:
    """The error for a file that SQLite would overwrite without a word."""
    return StorageError(_file_message(place, sqlite3.SQLITE_NOTADB, ""))


def _said(place: Place, error: BaseException | None) -> str:
    if isinstance(place, Server):
        return _server_message(place, error)
    return _file_message(place, getattr(error, "sqlite_errorcode", 0), str(error))


def _file_message(place: Place, code: int, detail: str) -> str:
    # The low byte is the kind of failure, the rest its place (SQLITE_IOERR_WRITE, SQLITE_READONLY_DIRECTORY, ...).
    text = _MESSAGES.get(code & 0xFF, "{path} refused: {detail}. The server's log has the details.")
    return text.format(path=place, detail=detail, elsewhere=_ELSEWHERE)


def _server_message(server: Server, error: BaseException | None) -> str:
    detail = server.hidden(" ".join(str(error).split())).removesuffix(".")
    code = getattr(error, "sqlstate", None)
    if code is None or code[:2] in ("08", "28", "57"):  # no connection, no entry, shut down
        return _NO_ANSWER.format(place=server, detail=detail)
    return _SERVER_MESSAGES.get(code, _REFUSED).format(place=server, detail=detail)
