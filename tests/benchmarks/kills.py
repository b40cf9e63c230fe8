"""`python -m tests.benchmarks.kills`: kill -9 under 50 concurrent voters, 100 times, and count what is lost or doubled.

Each round starts a process whose 50 threads vote on a database that lives through all rounds, every second vote a
change of mind, and tells each vote once it was acknowledged. One half votes as the Compare page does, the other in the
annotators' queue, which it also fills. The process is killed at a random moment. Then, of every round so far: an
acknowledged vote is there and says what was told, or what its thread said after it, and so does its ballot; nothing is
there twice; the outbox has each once; no vote is without its ballot, no ballot without its vote; SQLite's own check
finds the database in order.
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
from typing import NamedTuple

from arena.comparison import Choice

ROOT = Path(__file__).parents[2]
VOTERS = 50
LONGEST = 3.0
"""Seconds after the first acknowledged votes within which the kill comes."""

VOTE = """
import json, sys, threading
from itertools import count
from arena.annotation import Judgement, QueuedPrompt, Source
from arena.comparison import Choice
from arena.queue import QueueSettings
from storage import DatabaseQueue, open_history
from tests.storage.examples import pair, vote_on

path, round_, voters = sys.argv[1], sys.argv[2], int(sys.argv[3])
history, telling = open_history(path), threading.Lock()
queue = DatabaseQueue(history.database, QueueSettings(annotators=1, repeat_every=0))

def tell(comparison, annotator, choice, ballot=""):
    with telling:
        print(json.dumps([comparison, annotator, choice, ballot]), flush=True)

def compare(annotator):
    for turn in count():
        compared = pair(f"Question {annotator} {turn}?")
        history.save(compared)
        for choice in (Choice.LEFT, Choice.TIE):
            saved = history.cast(vote_on(compared, annotator, choice))
            tell(saved.comparison, saved.annotator, saved.choice)

def annotate(annotator):
    for turn in count():
        queue.add([QueuedPrompt(f"Queued {annotator} {turn}?", Source.IMPORTED)], [("fine-tuned", "rag")])
        if waiting := queue.next_task():
            queue.answered(waiting[0].id, pair(waiting[1]))
        if showing := queue.claim(annotator):
            for choice in (Choice.LEFT, Choice.TIE):
                said = Judgement(choice, seconds=9.0)
                saved = queue.vote(showing.ballot.id, annotator, said, change=choice is Choice.TIE)
                tell(saved.comparison, saved.annotator, saved.choice, saved.id)

for number in range(voters):
    threading.Thread(target=(compare, annotate)[number % 2], args=(f"{round_} {number}",)).start()
"""


class Voted(NamedTuple):
    """What a vote is known by."""

    comparison: str
    annotator: str


@dataclass
class Tally:
    """What was acknowledged so far: the choices of each vote, in order, and the ballot of each that was cast in the
    queue. Then what the database had to say of it."""

    casts: dict[Voted, list[str]] = field(default_factory=dict)
    ballots: dict[Voted, str] = field(default_factory=dict)
    rounds: int = 0
    lost: int = 0
    doubled: int = 0
    apart: int = 0
    unsound: int = 0

    @property
    def acknowledged(self) -> int:
        return sum(map(len, self.casts.values()))

    @property
    def faults(self) -> int:
        return self.lost + self.doubled + self.apart + self.unsound

    def add(self, line: str) -> None:
        """One line of what the process told."""
        comparison, annotator, choice, ballot = json.loads(line)
        voted = Voted(comparison, annotator)
        self.casts.setdefault(voted, []).append(choice)
        if ballot:
            self.ballots[voted] = ballot

    def __str__(self) -> str:
        return (
            f"{self.rounds} kills under {VOTERS} voters: {self.acknowledged:,} acknowledged casts of "
            f"{len(self.casts):,} votes, {len(self.ballots):,} of these in the queue, {self.lost} lost, {self.doubled} "
            f"doubled, {self.apart} votes or ballots without the other, {self.unsound} times the database was not in "
            "order"
        )


def kill_once(path: Path, tally: Tally, moment: float) -> None:
    """One round; `moment`: seconds to the kill from when both halves had a vote acknowledged."""
    command = [sys.executable, "-c", VOTE, str(path), str(tally.rounds), str(VOTERS)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while len({bool(json.loads(line)[-1]) for line in lines}) < 2:
        lines.append(process.stdout.readline())
    killed_at = time.monotonic() + moment
    while time.monotonic() < killed_at:
        lines.append(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    assert process.wait() == -signal.SIGKILL
    for line in lines:
        if line.endswith("\n"):
            tally.add(line)
    tally.rounds += 1
    check(path, tally)


def check(path: Path, tally: Tally) -> None:
    """Look at the database with SQLite alone. The first look also rolls back what the killed process had begun."""
    with closing(sqlite3.connect(path)) as database:
        tally.unsound += database.execute("PRAGMA integrity_check").fetchall() != [("ok",)]
        tally.unsound += bool(database.execute("PRAGMA foreign_key_check").fetchall())
        votes = database.execute("SELECT comparison, annotator, choice, ballot FROM vote").fetchall()
        history = Counter(database.execute("SELECT comparison, annotator, choice FROM vote_history"))
        waiting = Counter(row[0] for row in database.execute('SELECT "cast" FROM outbox'))
        judged = database.execute("SELECT task, id, choice FROM ballot WHERE state = 'voted'").fetchall()
    persons = Counter(Voted(*row[:2]) for row in votes)
    tasks = Counter(row[0] for row in judged)  # one person each is wanted
    tally.doubled = sum(count - 1 for counts in (history, persons, waiting, tasks) for count in counts.values())
    tally.lost = sum((*voted, choice) not in history for voted, said in tally.casts.items() for choice in said)
    # What was acknowledged last stands; only the change of mind that was under way may have come after it.
    later = {Choice.LEFT.value: {"left", "tie"}, Choice.TIE.value: {"tie"}}
    stands = {Voted(*row[:2]): row[2] for row in votes}
    tally.lost += sum(stands.get(voted) not in later[said[-1]] for voted, said in tally.casts.items())
    marked = {ballot: choice for _, ballot, choice in judged}
    tally.lost += sum(
        marked.get(ballot) not in later[tally.casts[voted][-1]] for voted, ballot in tally.ballots.items()
    )
    tally.lost += sum(history.values()) - sum(waiting.values())
    tally.apart = len({(ballot, choice) for *_, choice, ballot in votes if ballot} ^ set(marked.items()))


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
    raise SystemExit(bool(tally.faults))


if __name__ == "__main__":
    main()
