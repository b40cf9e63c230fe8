"""Where a database is: an SQLite file, or a PostgreSQL server. Reads and checks an address; opens nothing.

`str(place)` is what a person may read: never a password.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from arena.errors import StorageError

DATABASE_FILE = "arena.sqlite"
"""The database's name in a workspace, where no other place is set."""

VARIABLE = "DATABASE_URL"
"""The environment's setting, which wins over workspace.toml: hosts hand out addresses in it."""

POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
FORMS = "use sqlite:///folder/arena.sqlite, a path, or postgresql://user@host/database"


@dataclass(frozen=True)
class SqliteFile:
    """A file on this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Server:
    """A database on a PostgreSQL server, here or elsewhere."""

    url: URL = field(repr=False)

    def __str__(self) -> str:
        host = self.url.host or self.url.query.get("host", "this machine")
        return f"{host}{f':{self.url.port}' if self.url.port else ''}/{self.url.database}"

    def hidden(self, text: str) -> str:
        """The text without the password, as it is meant and as it is written in an address."""
        held = (self.url.password, self.url.query.get("password"))
        for secret in filter(None, held):
            text = text.replace(str(secret), "***")
        return text


Place = SqliteFile | Server


def chosen(named: object, folder: Path, environment: Mapping[str, str]) -> str | Path:
    """Where a workspace's database is: DATABASE_URL, else what workspace.toml names, else a file in `folder`."""
    return environment.get(VARIABLE) or (str(named) if named else folder / DATABASE_FILE)


def place_of(url_or_path: str | Path) -> Place:
    """`url_or_path`: a path, "sqlite:///relative/path", "sqlite:////absolute/path" or "postgresql://user@host/name".

    Raises:
        StorageError: none of these. Its text holds no password.
    """
    text = str(url_or_path)
    if "://" not in text:
        return SqliteFile(Path(text))
    kind, _, rest = text.partition("://")
    if kind in POSTGRESQL:
        return Server(_server_url(rest))
    file = unquote(rest.partition("?")[0].removeprefix("/"))
    if kind.partition("+")[0] != "sqlite" or file in ("", ":memory:"):
        raise StorageError(f"'{_shown(kind, rest)}' is not a database that this program knows: {FORMS}.")
    return SqliteFile(Path(file))


def _server_url(rest: str) -> URL:
    try:
        url = make_url(f"postgresql+psycopg://{rest}")
    except (ArgumentError, ValueError):
        raise StorageError(f"'{_shown('postgresql', rest)}' cannot be read as an address: {FORMS}.") from None
    if not url.database:
        raise StorageError(f"'{_shown('postgresql', rest)}' names no database: {FORMS}.")
    return url


def _shown(kind: str, rest: str) -> str:
    """Without what stands before the last "@" and after the question mark: both may hold a password."""
    return f"{kind}://{rest.rpartition('@')[2].partition('?')[0]}"
