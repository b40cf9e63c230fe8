"""Backups are whole and of one moment, the oldest go, and putting one back loses nothing that was there."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from arena.errors import StorageError
from arena.people import NOBODY, Role
from storage import DatabaseHistory, DatabasePeople, open_history
from storage.backups import Backups, Schedule, Settings, in_use, snapshot
from tests.storage.examples import CHEAP, PASSWORD, pair, vote_on

ROOT = Path(__file__).parents[2]


@pytest.fixture
def backups(history: DatabaseHistory) -> Backups:
    return Backups(history.database.place, history.path.parent, Settings(keep=3))


def questions(path: Path) -> list[str]:
    return [comparison.question for comparison in open_history(path).recent()]


def test_a_backup_has_what_was_saved_and_stands_by_itself(history: DatabaseHistory, backups: Backups) -> None:
    history.save(pair("before"))
    made = backups.make()
    history.save(pair("after"))
    assert questions(made) == ["before"] and made.parent == history.path.parent / "backups"
    assert [backup.path for backup in backups.all()] == [made]
    assert not list(made.parent.glob("*.tmp"))


def test_a_backup_taken_while_many_vote_is_one_moment_of_the_database(
    history: DatabaseHistory, backups: Backups
) -> None:
    compared = pair()
    history.save(compared)
    stop = threading.Event()

    def vote(number: int) -> None:
        count = 0
        while not stop.is_set():
            history.cast(vote_on(compared, f"person {number} {count}"))
            count += 1

    voters = [threading.Thread(target=vote, args=(number,)) for number in range(8)]
    for voter in voters:
        voter.start()
    made = [backups.make() for _ in range(3)]
    stop.set()
    for voter in voters:
        voter.join()
    counts = []
    for path in made:
        copy = open_history(path)
        assert {vote.id for vote in copy.votes(compared.id)} == {cast.id for cast in copy.vote_history(compared.id)}
        counts.append(len(copy.votes(compared.id)))
    assert counts == sorted(counts) and counts[-1] <= len(history.votes(compared.id))


def test_the_newest_stay_and_the_oldest_go(history: DatabaseHistory, backups: Backups) -> None:
    made = []
    for number in range(5):
        history.save(pair(f"question {number}", number))
        made.append(backups.make())
    assert [backup.path for backup in backups.all()] == made[:1:-1]


def test_a_copy_that_is_damaged_does_not_count(
    history: DatabaseHistory, backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(source: Path, target: Path) -> None:
        content = source.read_bytes()
        target.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))

    history.save(pair())
    with monkeypatch.context() as patched:
        patched.setattr("storage.backups._copy", torn)
        with pytest.raises(StorageError, match="not in order|is damaged"):
            backups.make()
    assert backups.all() == [] and list(backups.folder.iterdir()) == []


def test_restoring_puts_the_backup_back_and_keeps_what_was_there(history: DatabaseHistory, backups: Backups) -> None:
    history.save(pair("first", 0))
    made = backups.make()
    history.save(pair("second", 1))
    kept = backups.restore(made)
    assert questions(history.path) == ["first"] == [one.question for one in history.recent()]
    assert kept is not None and questions(kept) == ["second", "first"]
    backups.restore(kept)
    assert questions(history.path) == ["second", "first"]


def test_no_other_user_of_the_machine_reads_a_new_database_or_a_backup(tmp_path: Path) -> None:
    made = open_history(tmp_path / "new.sqlite")
    made.save(pair())
    backup = Backups(made.database.place, tmp_path, Settings()).make()
    assert [path.stat().st_mode & 0o077 for path in (made.path, backup.parent)] == [0, 0]


def test_a_sign_in_that_has_ended_does_not_come_back_with_a_backup(history: DatabaseHistory, backups: Backups) -> None:
    people = DatabasePeople(history.database, cost=CHEAP)
    people.add("Ann", PASSWORD, Role.ADMIN)
    token = people.sign_in("Ann", PASSWORD)
    made = backups.make()
    people.sign_out(token)
    backups.restore(made)
    restored = DatabasePeople(open_history(history.path).database, cost=CHEAP)
    assert restored.signed_in(token) == NOBODY
    assert restored.signed_in(restored.sign_in("Ann", PASSWORD)).name == "Ann"


def test_what_was_put_aside_is_not_dropped_by_new_backups(history: DatabaseHistory, backups: Backups) -> None:
    history.save(pair("precious"))
    kept = backups.restore(backups.make())
    for _ in range(4):
        backups.make()
    assert kept is not None and kept.is_file()


@pytest.mark.parametrize("content", [b"Dear diary, " * 1000, None])
def test_a_damaged_or_missing_database_is_replaced_and_the_damaged_one_kept(
    history: DatabaseHistory, backups: Backups, content: bytes | None
) -> None:
    history.save(pair("saved"))
    made = backups.make()
    history.path.unlink()
    if content:
        history.path.write_bytes(content)
    kept = backups.restore(made)
    assert questions(history.path) == ["saved"]
    assert (kept.read_bytes() if kept else None) == content


def test_while_the_app_serves_nothing_is_restored(history: DatabaseHistory, backups: Backups) -> None:
    history.save(pair("saved"))
    made = backups.make()
    script = (
        "import sys, pathlib\nfrom storage.backups import in_use\nfrom storage.place import SqliteFile\n"
        "with in_use(SqliteFile(pathlib.Path(sys.argv[1]))):\n    print('serving', flush=True)\n    sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(history.path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as app:
        assert app.stdout is not None and app.stdout.readline() == b"serving\n"
        with in_use(history.database.place), pytest.raises(StorageError, match="The app is running on .*: stop it"):
            backups.restore(made)
        app.kill()
        app.wait()
        backups.restore(made)
    assert questions(history.path) == ["saved"]


@pytest.mark.parametrize("content", [b"Dear diary, " * 1000, None])
def test_what_is_no_backup_is_refused_and_nothing_changes(
    history: DatabaseHistory, backups: Backups, content: bytes | None
) -> None:
    history.save(pair("saved"))
    strange = history.path.with_name("strange.sqlite")
    if content:
        strange.write_bytes(content)
    else:
        with closing(sqlite3.connect(strange)) as other:
            other.execute("CREATE TABLE recipe (id)")
    with pytest.raises(StorageError, match="is not an SQLite database|is no backup of this program"):
        backups.restore(strange)
    with pytest.raises(StorageError, match="lists what there is"):
        backups.restore(history.path.with_name("missing.sqlite"))
    assert questions(history.path) == ["saved"]


def test_backups_are_due_by_the_newest_one_and_only_when_something_was_written(
    history: DatabaseHistory, backups: Backups
) -> None:
    schedule, now = Schedule(backups, print), datetime.now(UTC)
    assert schedule.due_in(now) == 0 and schedule.changed()
    made = backups.make()
    newest = backups.all()[0].made_at
    assert schedule.due_in(newest) == 24 * 3600 and schedule.due_in(newest + timedelta(hours=30)) == 0
    assert made.exists()


def test_the_schedule_makes_one_by_itself_says_what_fails_and_ends(history: DatabaseHistory, backups: Backups) -> None:
    history.save(pair("saved"))
    said: list[str] = []
    done = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        done.set()

    schedule = Schedule(backups, say).start()
    assert done.wait(20) and said[0].startswith("backup: ")
    schedule.close()
    assert questions(backups.all()[0].path) == ["saved"]
    off = Schedule(Backups(history.database.place, history.path.parent, Settings(every_hours=0.0)), say).start()
    off.close()
    assert len(said) == 1


def test_a_snapshot_stays_as_it_was_and_holds_nobody_up(kept: DatabaseHistory) -> None:
    kept.save(pair("before"))
    with snapshot(kept.database) as seen, seen.reading() as connection:
        first = [one.question for one in DatabaseHistory(seen).recent()]
        connection.exec_driver_sql("SELECT 1")
        kept.save(pair("after", 5))
    assert first == ["before"] and [one.question for one in kept.recent()] == ["after", "before"]
