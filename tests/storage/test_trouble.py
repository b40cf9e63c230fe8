"""When the database refuses: the message names the file and the way out, and the file is left as it is."""

import resource
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from arena.errors import StorageError
from storage import DatabaseHistory, engine, open_history
from tests.storage.conftest import without_privileges
from tests.storage.examples import pair, vote_on

ROOT = Path(__file__).parents[2]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.1)


def refusal(error: pytest.ExceptionInfo[StorageError], path: Path) -> str:
    """The message, checked to name the file."""
    assert str(path) in str(error.value)
    return str(error.value)


def test_a_locked_database_says_so(impatient: None, history: DatabaseHistory) -> None:
    history.save(pair("before"))
    with closing(sqlite3.connect(history.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for attempt in (lambda: history.save(pair()), history.recent, lambda: open_history(history.path)):
            with pytest.raises(StorageError, match="locked by another program. Close") as error:
                attempt()
            refusal(error, history.path)
        assert "locked" in history.check()
    assert history.check() == "ready"
    assert [one.question for one in history.recent()] == ["before"]


def test_a_health_check_does_not_wait_out_a_lock(history: DatabaseHistory) -> None:
    with closing(sqlite3.connect(history.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        assert "locked" in history.check()
        assert time.monotonic() - began < 5


def test_a_short_lock_is_waited_out(history: DatabaseHistory) -> None:
    with closing(sqlite3.connect(history.path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        threading.Timer(0.3, lambda: other.execute("COMMIT")).start()
        history.save(pair("waited"))
    assert [one.question for one in history.recent()] == ["waited"]


def test_a_read_only_file_can_be_read_and_not_voted_on(public_folder: Path) -> None:
    path = public_folder / "arena.sqlite"
    compared = pair()
    open_history(path).save(compared)
    path.chmod(0o444)
    with without_privileges():
        history = open_history(path)
        assert history.get(compared.id) == compared
        for attempt in (lambda: history.save(pair()), lambda: history.cast(vote_on(compared))):
            with pytest.raises(StorageError, match=r"read-only. Make the file and its folder writable") as error:
                attempt()
            refusal(error, path)
        assert "read-only" in history.check()


def test_a_read_only_folder_says_so_for_an_old_and_for_a_new_database(public_folder: Path) -> None:
    path = public_folder / "arena.sqlite"
    open_history(path)
    path.chmod(0o666)
    public_folder.chmod(0o555)
    with without_privileges():
        history = open_history(path)
        with pytest.raises(StorageError, match="folder") as error:
            history.save(pair())
        refusal(error, path)
        assert str(path) in history.check()
        with pytest.raises(StorageError, match="read-only. Make the file and its folder writable"):
            open_history(public_folder / "new.sqlite")


def test_a_full_database_keeps_what_it_has_and_says_so(history: DatabaseHistory) -> None:
    compared = pair()
    history.save(compared)
    history.cast(vote_on(compared))

    @sa.event.listens_for(history.engine, "connect")
    def _full(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute("PRAGMA max_page_count=1")  # SQLite takes the present size instead: no page more

    with pytest.raises(StorageError, match="the disk is full. Free some space") as error:
        history.save(pair("long" * 10_000))
    refusal(error, history.path)
    assert history.get(compared.id) == compared and len(history.votes(compared.id)) == 1


FULL_DISK = """
import sys
from storage import open_history
from arena.errors import StorageError
from tests.storage.examples import pair
try:
    open_history(sys.argv[1]).save(pair("long" * 50_000))
except StorageError as error:
    print(error)
"""


@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk_says_so_at_start_and_when_saving(path: Path, exists: bool) -> None:
    if exists:
        open_history(path)
    limit = 100_000 if exists else 10_000

    def few_bytes() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    script = [sys.executable, "-B", "-c", FULL_DISK, str(path)]
    done = subprocess.run(script, cwd=ROOT, preexec_fn=few_bytes, capture_output=True, text=True, check=True)
    assert str(path) in done.stdout and "disk" in done.stdout and "space" in done.stdout
    assert list(open_history(path).recent()) == []


@pytest.mark.parametrize("content", [b"Dear diary, " * 1000, b"x"])
def test_a_file_that_is_no_database_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StorageError, match="is not an SQLite database; it was left as it is") as error:
        open_history(path)
    refusal(error, path)
    assert path.read_bytes() == content


def test_a_damaged_database_is_left_as_it_is(history: DatabaseHistory) -> None:
    history.save(pair())
    content = history.path.read_bytes()
    damaged = content[:4096] + b"\xff" * (len(content) - 4096)
    history.path.write_bytes(damaged)
    with pytest.raises(StorageError, match="is damaged.*recover"):
        open_history(history.path).recent()
    assert "damaged" in history.check()
    assert history.path.read_bytes() == damaged


def test_a_database_deleted_under_a_running_server_acknowledges_nothing(history: DatabaseHistory) -> None:
    compared = pair()
    history.save(compared)
    history.path.unlink()
    with pytest.raises(StorageError, match="Check that it is there"):
        history.cast(vote_on(compared))
    assert not history.path.exists()


def test_another_programs_database_is_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE vote (id)")
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"another program's database \(it holds vote\)"):
        open_history(path)
    assert path.read_bytes() == before


def test_a_missing_folder_and_a_folder_as_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="There is no folder"):
        open_history(tmp_path / "missing" / "arena.sqlite")
    with pytest.raises(StorageError, match="is a folder"):
        open_history(tmp_path)


def test_addresses_name_a_file_and_hide_passwords(tmp_path: Path) -> None:
    assert open_history(f"sqlite:///{tmp_path}/a%20b.sqlite").path == tmp_path / "a b.sqlite"
    for address in ("sqlite://", "sqlite:///:memory:", "mysql://ann:secret@host/db?password=secret"):
        with pytest.raises(StorageError, match="is not a database that this program knows: use sqlite") as error:
            open_history(address)
        assert "secret" not in str(error.value)


def test_odd_characters_in_a_path_are_part_of_the_name(tmp_path: Path) -> None:
    path = tmp_path / "50% ?mode=ro #1 é.sqlite"
    open_history(path).save(pair())
    assert path.exists() and len(open_history(str(path)).recent()) == 1
