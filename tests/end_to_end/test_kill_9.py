"""kill -9 in the middle of an answer and in the middle of a vote: what a person was told is kept, is there.

A process of its own asks through a page's session and keeps everything in the real database; contestants are scripts.
"""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from itertools import cycle
from pathlib import Path

import pytest

from arena.comparison import Choice, Vote, checked_vote
from arena.errors import VoteRefused
from storage import open_history
from ui.screen import stored_panes
from ui.settings import Settings

ROOT = Path(__file__).parents[2]
SETTINGS = Settings(workspace="killed")

PAGE = """
import sys
import time
from itertools import cycle
from arena.comparison import Choice
from arena.events import Token, Working
from arena.runner import Runner
from storage import open_history
from tests.fakes import FakeContestant, Pause, said
from ui.session import Session
from ui.settings import Settings

history, session = open_history(sys.argv[1]), Session()

def ask(question, script):
    runner = Runner({name: FakeContestant(name, name, script) for name in ("fine-tuned", "rag")})
    session.prepare(question, ("fine-tuned", "rag"), False, "ann", runner, Settings("killed"))
    return session.begin(runner, history)

def tell(*told):
    print(*told, flush=True)
"""
STREAM = """
first = ask("First?", said("two years"))
first.finished.wait()
tell(first.comparison.id, session.cast("left", "ann", "", history).id)
second = ask("Second?", [Working(), *[step for _ in range(100_000) for step in (Token("word "), Pause(0.001))]])
while True:
    shown = second.comparison.answers
    if any(answer.text for answer in shown.values()):
        tell(second.comparison.id, sum(len(answer.text) for answer in shown.values()))
    time.sleep(0.001)
"""
VOTES = """
first = ask("First?", said("two years"))
first.finished.wait()
tell(first.comparison.id)
for choice in cycle(Choice):
    tell(session.cast(choice, "ann", "", history).choice)
"""


def killed_after(lines: int, script: str, path: Path) -> list[list[str]]:
    """The words of every line that the process told until it was killed, at any moment after so many lines."""
    command = [sys.executable, "-c", PAGE + script, str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(lines)]
    time.sleep(random.random() / 50)
    process.send_signal(signal.SIGKILL)
    told += [line for line in process.stdout if line.endswith("\n")]
    assert process.wait() == -signal.SIGKILL, told
    return [line.split() for line in told]


def is_sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as plain:
        return plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("lines", [2, 60])
def test_killed_while_answers_stream_the_question_and_all_before_it_are_kept(lines: int, tmp_path: Path) -> None:
    path = tmp_path / "arena.sqlite"
    (answered, vote), *streamed = killed_after(lines, STREAM, path)
    asked = streamed[0][0]

    history = open_history(path)
    first, second = history.get(answered), history.get(asked)
    assert first is not None and first.complete
    assert [kept.id for kept in history.votes(answered)] == [vote]
    assert second is not None and second.question == "Second?" and second.asked_by == "ann"
    assert history.check() == "ready" and is_sound(path)


def test_a_pair_cut_off_by_a_kill_is_shown_as_such_and_cannot_be_voted_on(tmp_path: Path) -> None:
    path = tmp_path / "arena.sqlite"
    asked = killed_after(2, STREAM, path)[1][0]

    history = open_history(path)
    second = history.get(asked)
    assert second is not None and not second.complete
    assert all("No answer was stored" in pane.body for pane in stored_panes(second, SETTINGS, hidden=False))
    with pytest.raises(VoteRefused):
        checked_vote(second, "ann", Choice.LEFT, False)
    with pytest.raises(VoteRefused):
        history.cast(Vote(asked, "ann", Choice.LEFT, False))


@pytest.mark.parametrize("lines", [2, 10, 30])
def test_killed_while_a_vote_is_changed_the_last_one_told_as_saved_is_kept(lines: int, tmp_path: Path) -> None:
    path = tmp_path / "arena.sqlite"
    (asked,), *told = killed_after(lines, VOTES, path)
    saved = [" ".join(words) for words in told]

    history = open_history(path)
    casts = [vote.choice.value for vote in history.vote_history(asked)]
    # One more may be on disk than could be told.
    assert casts[: len(saved)] == saved and len(casts) <= len(saved) + 1
    assert casts == [choice.value for choice, _ in zip(cycle(Choice), casts, strict=False)]
    (vote,) = history.votes(asked)
    assert vote.choice.value == casts[-1] and is_sound(path)
