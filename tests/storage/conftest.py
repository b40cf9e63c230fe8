"""A history of its own for each test, in a file or on a real PostgreSQL, and a way to be nobody in particular."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage import DATABASE_FILE, DatabaseHistory, open_history
from tests import servers
from tests.servers import NOBODY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / DATABASE_FILE


@pytest.fixture(scope="session")
def new_server_database(votes_server: str) -> Callable[[], str]:
    """Makes a PostgreSQL database with our tables, empty, and returns its URL. One is migrated and then copied."""
    import psycopg

    server = psycopg.connect(votes_server.replace("+psycopg", ""), autocommit=True)
    server.execute("CREATE DATABASE upgraded")
    address = votes_server.rpartition("/")[0]
    open_history(f"{address}/upgraded").database.close()
    numbers = itertools.count()

    def make() -> str:
        name = f"votes_{next(numbers)}"
        server.execute(f"CREATE DATABASE {name} TEMPLATE upgraded")
        return f"{address}/{name}"

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, path: Path) -> Iterator[str]:
    """The address of an empty database of each kind: what should hold for both is tested on both."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("upgraded_file"), path)
        yield str(path)
        return
    servers.needs("psycopg")
    yield request.getfixturevalue("new_server_database")()


@pytest.fixture
def kept(place: str) -> Iterator[DatabaseHistory]:
    """A history in each kind of database."""
    opened = open_history(place)
    yield opened
    opened.database.close()


@pytest.fixture(scope="session")
def upgraded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with our tables: copying it is quicker than making one."""
    file = tmp_path_factory.mktemp("upgraded") / DATABASE_FILE
    open_history(file)
    return file


@pytest.fixture
def history(path: Path, upgraded_file: Path) -> DatabaseHistory:
    shutil.copyfile(upgraded_file, path)
    return open_history(path)


@pytest.fixture
def another(tmp_path: Path, upgraded_file: Path) -> Callable[[], DatabaseHistory]:
    """Opens another, empty database each time."""
    made: list[Path] = []

    def make() -> DatabaseHistory:
        made.append(tmp_path / f"another-{len(made)}.sqlite")
        shutil.copyfile(upgraded_file, made[-1])
        return open_history(made[-1])

    return make


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that an unprivileged user can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)
        Path(folder).chmod(0o777)


@contextmanager
def without_privileges() -> Iterator[None]:
    """File permissions bind root only when it is somebody else meanwhile."""
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if privileged:
            os.seteuid(0)
