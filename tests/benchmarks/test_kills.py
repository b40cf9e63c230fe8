"""A few of the hundred kills of `python -m tests.benchmarks.kills`, and that it would see a vote or a ballot that is
lost."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.benchmarks.kills import VOTERS, check, rounds


def test_killed_under_fifty_voters_no_acknowledged_vote_is_lost_or_doubled(tmp_path: Path) -> None:
    tally = rounds(tmp_path / "arena.sqlite", 3, seed=7, longest=1.0)
    assert (tally.lost, tally.doubled, tally.apart, tally.unsound) == (0, 0, 0, 0)
    assert tally.rounds == 3 and tally.acknowledged >= 6 and len(tally.ballots) >= 3 and VOTERS == 50

    with closing(sqlite3.connect(tmp_path / "arena.sqlite")) as database:
        database.execute("DROP TRIGGER tr_vote_history_delete")
        database.execute("DELETE FROM outbox WHERE number = 1")
        database.execute("DELETE FROM vote_history WHERE number = 1")
        database.commit()
    check(tmp_path / "arena.sqlite", tally)
    assert (tally.lost, tally.apart) == (1, 0)

    with closing(sqlite3.connect(tmp_path / "arena.sqlite")) as database:
        ballot = next(iter(tally.ballots.values()))
        database.execute("UPDATE ballot SET state = 'reserved' WHERE id = ?", [ballot])
        database.commit()
    check(tmp_path / "arena.sqlite", tally)
    assert (tally.lost, tally.apart) == (2, 1)
