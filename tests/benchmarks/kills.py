"""`python -m tests.benchmarks.kills`: kill -9 under 50 concurrent voters, 100 times, and count what is lost or doubled.

Each round starts a process whose 50 threads vote on a database that lives through all rounds, every second vote a
change of mind, and tells each vote once it was acknowledged. It is killed at a random moment. Then, of every round so
far: an acknowledged vote is there and says what was told, or what its thread said after it; nothing is there twice; the
outbox has each once; SQLite's own check finds the database in order.
"""

import argparse
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from arena.comparison import Choice

ROOT = Path(__file__).parents[2]
VOTERS = 50
LONGEST = 3.0
"""Seconds after the first acknowledged vote within which the kill comes."""

VOTE = """
import json, sys, threading
from itertools import count
from arena.comparison import Choice
from storage import open_history
from tests.storage.examples import pair, vote_on

path, round_, voters = sys.argv[1], sys.argv[2], int(sys.argv[3])
history, telling = open_history(path), threading.Lock()

def vote(number):
    for turn in count():
        compared = pair(f"Question {number} {turn}?")
        history.save(compared)
        for choice in (Choice.LEFT, Choice.TIE):
            saved = history.cast(vote_on(compared, f"{round_} {number}", choice))
            with telling:
                print(json.dumps([saved.id, compared.id, saved.choice, saved.cast_at.isoformat()]), flush=True)

for number in range(voters):
    threading.Thread(target=vote, args=(number,)).start()
"""


@dataclass
class Tally:
    """What was acknowledged so far: (comparison, choice, moment) of each cast, by vote, in order."""

    casts: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    rounds: int = 0
    lost: int = 0
    doubled: int = 0
    unsound: int = 0

    @property
    def acknowledged(self) -> int:
        return sum(map(len, self.casts.values()))

    def __str__(self) -> str:
        return (
            f"{self.rounds} kills under {VOTERS} voters: {self.acknowledged:,} acknowledged casts of "
            f"{len(self.casts):,} votes, {self.lost} lost, {self.doubled} doubled, "
            f"{self.unsound} times the database was not in order"
        )


def kill_once(path: Path, tally: Tally, moment: float) -> None:
    """One round; `moment`: seconds from the first acknowledged vote to the kill."""
    command = [sys.executable, "-c", VOTE, str(path), str(tally.rounds), str(VOTERS)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    killed_at = time.monotonic() + moment
    while time.monotonic() < killed_at:
        lines.append(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    assert process.wait() == -signal.SIGKILL
    for line in lines:
        if line.endswith("\n"):
            vote, *said = json.loads(line)
            tally.casts.setdefault(vote, []).append((said[0], said[1], said[2]))
    tally.rounds += 1
    check(path, tally)


def check(path: Path, tally: Tally) -> None:
    """Look at the database with SQLite alone. The first look also rolls back what the killed process had begun."""
    with closing(sqlite3.connect(path)) as database:
        tally.unsound += database.execute("PRAGMA integrity_check").fetchall() != [("ok",)]
        tally.unsound += bool(database.execute("PRAGMA foreign_key_check").fetchall())
        votes = {row[0]: row[1] for row in database.execute("SELECT id, choice FROM vote")}
        history = Counter(database.execute("SELECT vote, comparison, choice FROM vote_history"))
        persons = Counter(database.execute("SELECT comparison, annotator FROM vote"))
        waiting = Counter(row[0] for row in database.execute('SELECT "cast" FROM outbox'))
    tally.doubled = sum(count - 1 for counts in (history, persons, waiting) for count in counts.values())
    tally.lost = sum((vote, said[0], said[1]) not in history for vote, all_ in tally.casts.items() for said in all_)
    # What was acknowledged last stands; only the change of mind that was under way may have come after it.
    later = {Choice.LEFT.value: {"left", "tie"}, Choice.TIE.value: {"tie"}}
    tally.lost += sum(votes.get(vote) not in later[said[-1][1]] for vote, said in tally.casts.items())
    tally.lost += sum(history.values()) - sum(waiting.values())


def rounds(path: Path, count: int, seed: int, longest: float = LONGEST) -> Tally:
    """`count` kills of one database, at moments up to `longest` that `seed` draws."""
    moments, tally = random.Random(seed), Tally()
    for _ in range(count):
        kill_once(path, tally, moments.uniform(0, longest))
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tally = rounds(Path(folder) / "arena.sqlite", asked.kills, asked.seed)
    print(f"{tally}; {time.monotonic() - began:.0f} s, seed {asked.seed}")
    raise SystemExit(bool(tally.lost or tally.doubled or tally.unsound))


if __name__ == "__main__":
    main()
