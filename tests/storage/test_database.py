"""What only the database can promise: constraints that hold whoever writes, many writers, kill -9."""

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from arena.comparison import Choice
from arena.errors import StorageError
from storage import DatabaseHistory, open_history, rows, tables
from tests.storage.examples import full_pair, pair, vote_on, without_nul

ROOT = Path(__file__).parents[2]


def test_one_vote_per_person_by_the_database_itself(kept: DatabaseHistory) -> None:
    compared = pair()
    kept.save(compared)
    kept.cast(vote_on(compared))
    with pytest.raises(IntegrityError, match="(?i)unique"), kept.engine.begin() as connection:
        connection.execute(sa.insert(tables.vote), rows.vote_row(vote_on(compared, choice=Choice.TIE)))


def test_the_database_takes_no_unknown_choice_and_no_orphan(kept: DatabaseHistory) -> None:
    compared = pair()
    kept.save(compared)
    for wrong, broken in (({"choice": "neither"}, "(?i)check"), ({"comparison": "none"}, "(?i)foreign key")):
        with pytest.raises(IntegrityError, match=broken), kept.engine.begin() as connection:
            connection.execute(sa.insert(tables.vote), rows.vote_row(vote_on(compared)) | wrong)


@pytest.mark.parametrize("change", ["UPDATE vote_history SET choice = 'tie'", "DELETE FROM vote_history"])
def test_the_vote_history_is_append_only_by_the_database_itself(kept: DatabaseHistory, change: str) -> None:
    compared = pair()
    kept.save(compared)
    kept.cast(vote_on(compared))
    with pytest.raises(IntegrityError, match="append-only"), kept.engine.begin() as connection:
        connection.exec_driver_sql(change)


def test_of_sixteen_threads_voting_at_once_none_is_lost_or_doubled(kept: DatabaseHistory, place: str) -> None:
    servers = [kept, open_history(place)]  # what holds between threads must hold between processes
    comparisons = [pair(f"question {number}", number) for number in range(3)]
    for compared in comparisons:
        kept.save(compared)
    together = threading.Barrier(16)

    def vote(number: int) -> None:
        together.wait()
        for compared in comparisons:
            servers[number % 2].cast(vote_on(compared, f"person {number // 2}", random.choice(list(Choice))))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(vote, range(16)))
    for compared in comparisons:
        assert [vote.annotator for vote in sorted(kept.votes(compared.id), key=lambda vote: vote.annotator)] == [
            f"person {number}" for number in range(8)
        ]
        casts = kept.vote_history(compared.id)
        assert len(casts) == 16
        last = {cast.annotator: cast for cast in casts}
        assert set(last.values()) == set(kept.votes(compared.id))
    servers[1].database.close()


def test_a_writer_holds_the_lock_from_its_first_read_and_a_reader_never(history: DatabaseHistory) -> None:
    with closing(sqlite3.connect(history.path, isolation_level=None, timeout=0)) as other:
        with history.engine.begin() as connection:
            connection.execute(sa.select(tables.vote)).all()
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
        with history.engine.connect().execution_options(readonly=True) as connection:
            connection.execute(sa.select(tables.vote)).all()
            other.execute("BEGIN IMMEDIATE")


def test_the_same_comparison_saved_by_many_threads_is_there_once(kept: DatabaseHistory) -> None:
    compared = without_nul(full_pair())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(kept.save, [compared] * 24))
    assert list(kept.recent()) == [compared]


VOTER = """
import sys
from itertools import count
from storage import open_history
from tests.storage.examples import pair, vote_on
history = open_history(sys.argv[1])
compared = pair()
history.save(compared)
for number in count():
    saved = history.cast(vote_on(compared, f"person {number}"))
    print(compared.id, saved.id, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 25, 60])
def test_every_acknowledged_vote_survives_kill_9(path: Path, acknowledged: int) -> None:
    voter = subprocess.Popen([sys.executable, "-c", VOTER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert voter.stdout is not None
    lines = [voter.stdout.readline() for _ in range(acknowledged)]
    time.sleep(random.random() / 50)  # anywhere in a transaction
    voter.send_signal(signal.SIGKILL)
    lines += [line for line in voter.stdout if line.endswith("\n")]
    assert voter.wait() == -signal.SIGKILL
    comparison = lines[0].split()[0]
    promised = {line.split()[1] for line in lines}

    history = open_history(path)
    found = {vote.id for vote in history.votes(comparison)}
    assert promised <= found and len(found) <= len(promised) + 1
    assert found == {cast.id for cast in history.vote_history(comparison)}
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_commits_are_synced_before_they_are_acknowledged(history: DatabaseHistory) -> None:
    with history.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 3  # EXTRA
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"


def test_half_a_surrogate_pair_is_kept_as_a_replacement_character(kept: DatabaseHistory) -> None:
    compared = pair("broken \ud83d here, whole \ud83d\ude42 there")
    kept.save(compared)
    found = kept.get(compared.id)
    assert found is not None and found.question == "broken \ufffd here, whole 🙂 there"


def test_a_time_without_a_zone_is_refused_in_words(kept: DatabaseHistory) -> None:
    with pytest.raises(StorageError, match="no time zone"):
        kept.save(pair(asked_at=pair().asked_at.replace(tzinfo=None)))


def test_thousands_of_comparisons_load_in_one_call(kept: DatabaseHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.history.BATCH", 3)
    saved = [pair(f"question {number}", number) for number in range(8)]
    for compared in saved:
        kept.save(compared)
    assert list(kept.recent()) == saved[::-1]
