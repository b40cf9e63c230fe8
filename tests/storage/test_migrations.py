"""The tables come from Alembic alone, from the first on, and a start with nothing to do is quick."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from arena.comparison import Choice, Vote
from arena.errors import StorageError
from storage import DatabaseHistory, migrate, open_history
from storage.engine import make_engine
from tests.storage.examples import pair

ROOT = Path(__file__).parents[2]


def test_the_tables_are_what_the_revisions_make(history: DatabaseHistory) -> None:
    with history.engine.begin() as connection:
        command.check(migrate.configuration(connection))


def test_the_head_that_start_looks_for_is_the_newest_revision(history: DatabaseHistory) -> None:
    with history.engine.connect() as connection:
        assert ScriptDirectory.from_config(migrate.configuration(connection)).get_current_head() == migrate.HEAD
    assert migrate.revision(history.database.place) == migrate.HEAD


def test_one_step_down_and_up_again_keeps_votes_and_their_triggers(history: DatabaseHistory) -> None:
    compared = pair()
    history.save(compared)
    cast = history.cast(Vote(compared.id, "Ada", Choice.TIE, blind=True, reason="both right"))
    for step in ("down", "up"):
        if step == "down":
            with make_engine(history.path, foreign_keys=False).begin() as connection:
                command.downgrade(migrate.configuration(connection), "0001")
        else:
            assert list(open_history(history.path).votes(compared.id)) == [cast]
        for change in ("UPDATE vote_history SET reason = ''", "DELETE FROM vote_history"):
            with pytest.raises(sa.exc.IntegrityError, match="append-only"), history.engine.begin() as connection:
                connection.exec_driver_sql(change)


def test_all_the_way_down_leaves_nothing(history: DatabaseHistory) -> None:
    history.save(pair())
    with make_engine(history.path, foreign_keys=False).begin() as connection:
        command.downgrade(migrate.configuration(connection), "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    open_history(history.path).save(pair())


def test_opening_again_keeps_what_is_there(history: DatabaseHistory) -> None:
    compared = pair()
    history.save(compared)
    assert list(open_history(history.path).recent()) == [compared]


def test_an_empty_file_is_an_empty_database(path: Path) -> None:
    path.touch()
    assert list(open_history(path).recent()) == []


def test_an_upgrade_that_fails_half_way_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = command.upgrade

    def break_after(*arguments: str) -> None:
        upgrade(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", break_after)
        with pytest.raises(KeyboardInterrupt):
            open_history(path)
    with make_engine(path).connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
    open_history(path)


def test_many_that_start_at_once_make_one_database(path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        histories = list(pool.map(open_history, [path] * 4))
    assert [history.check() for history in histories] == ["ready"] * 4


def test_an_upgrade_elsewhere_that_never_ends_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.1)
    with FileLock(f"{path}.lock"), pytest.raises(StorageError, match="being upgraded by another process"):
        open_history(path)


def test_a_database_from_a_newer_version_is_left_as_it_is(history: DatabaseHistory) -> None:
    with history.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    before = history.path.read_bytes()
    with pytest.raises(StorageError, match="newer version of this program .revision 9999.*Update the program"):
        open_history(history.path)
    assert history.path.read_bytes() == before


def test_a_start_with_nothing_to_upgrade_leaves_alembic_out(history: DatabaseHistory) -> None:
    script = "import sys, storage; storage.open_history(sys.argv[1]); print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script, str(history.path)], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
