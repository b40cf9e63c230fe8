"""Small fakes with the ports' names, for every room's tests: scripted contestants, a history in memory.

They keep the contracts of arena/ (a fake that is kinder than the real thing hides bugs); no models, no files.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from arena.comparison import Comparison, Vote, checked_vote
from arena.contestant import StopSignal
from arena.errors import ArenaError, StorageError
from arena.events import Event, Finished, Token, Working
from arena.question import Question
from arena.training import Kind, RunState


@dataclass(frozen=True)
class Pause:
    """A step that takes time. Stop ends it early, as a contestant that checks between tokens would."""

    seconds: float


class Hang:
    """A step that never ends and does not see Stop; `release` lets its thread go when the test is over."""

    def __init__(self) -> None:
        self._released = threading.Event()

    def wait(self) -> None:
        self._released.wait(30)

    def release(self) -> None:
        self._released.set()


class Await:
    """A step that sets `reached`, then waits until the test sets `go`: order without sleeping."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go = threading.Event()

    def wait(self, stop: StopSignal) -> None:
        self.reached.set()
        while not self.go.wait(0.01) and not stop.is_set():
            pass


Step = Event | Pause | Hang | Await | BaseException


def said(text: str) -> list[Step]:
    """The script of an ordinary answer: working, one token per word, finished."""
    words = text.split(" ")
    pieces = [word + (" " if number < len(words) else "") for number, word in enumerate(words, start=1)]
    return [Working(), *[Token(piece) for piece in pieces], Finished(prompt_tokens=10, answer_tokens=len(words))]


@dataclass
class FakeContestant:
    """Plays `script`; keeps the questions it was asked and whether its generator was closed.

    An exception in the script is raised. `mute_stop`: it does not look at Stop by itself.
    """

    name: str = "fake"
    device: str = "cpu"
    script: Sequence[Step] = field(default_factory=lambda: said("an answer"))
    identity: Mapping[str, str] = field(default_factory=lambda: {"model": "fake"})
    mute_stop: bool = False
    asked: list[Question] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def answer(self, question: Question, stop: StopSignal) -> Iterator[Event]:
        self.asked.append(question)
        try:
            for step in self.script:
                if stop.is_set() and not self.mute_stop:
                    yield Finished(reason="stopped")
                    return
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, Pause):
                    stop.wait(step.seconds)
                elif isinstance(step, Hang):
                    step.wait()
                elif isinstance(step, Await):
                    step.wait(stop)
                else:
                    yield step
        finally:
            self.closed.set()


class FakeHistory:
    """`arena.ports.History` in memory. `trouble`, when set, is raised by every method but `check`."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.trouble = trouble
        self._comparisons: dict[str, Comparison] = {}
        self._votes: dict[tuple[str, str], Vote] = {}
        self._casts: list[Vote] = []
        self._lock = threading.Lock()

    def save(self, comparison: Comparison) -> None:
        self._refuse()
        with self._lock:
            changed = self._comparisons.get(comparison.id, comparison) != comparison
            if changed and any(vote.comparison == comparison.id for vote in self._votes.values()):
                raise StorageError(f"Comparison {comparison.id} has votes, so it can no longer be changed.")
            self._comparisons[comparison.id] = comparison

    def get(self, comparison_id: str) -> Comparison | None:
        self._refuse()
        return self._comparisons.get(comparison_id)

    def recent(self, text: str = "", limit: int = 50, offset: int = 0) -> Sequence[Comparison]:
        self._refuse()
        wanted = text.strip().lower()
        newest_first = sorted(self._comparisons.values(), key=lambda one: (one.asked_at, one.id), reverse=True)
        found = [one for one in newest_first if any(wanted in part.lower() for part in _texts(one))]
        return found[offset : offset + limit]

    def cast(self, vote: Vote) -> Vote:
        self._refuse()
        with self._lock:
            compared = self._comparisons.get(vote.comparison)
            checked = checked_vote(compared, vote.annotator, vote.choice, vote.blind, vote.reason)
            first = self._votes.get((vote.comparison, checked.annotator), vote)
            saved = replace(checked, id=first.id, cast_at=vote.cast_at)
            self._votes[saved.comparison, saved.annotator] = saved
            self._casts.append(saved)
        return saved

    def votes(self, comparison_id: str) -> Sequence[Vote]:
        self._refuse()
        found = [vote for vote in self._votes.values() if vote.comparison == comparison_id]
        return sorted(found, key=lambda vote: (vote.cast_at, vote.id))

    def vote_history(self, comparison_id: str) -> Sequence[Vote]:
        self._refuse()
        return [vote for vote in self._casts if vote.comparison == comparison_id]

    def check(self) -> str:
        return str(self.trouble) if self.trouble else "ready"

    def _refuse(self) -> None:
        if self.trouble:
            raise self.trouble


class FakeDesk:
    """`arena.training.TrainingDesk` in memory."""

    def __init__(self, state: RunState, trouble: str = "") -> None:
        self.now, self.trouble = state, trouble
        self.calls: list[str] = []

    def state(self) -> RunState:
        if self.trouble:
            raise ArenaError(self.trouble)
        return self.now

    def start(self, kind: Kind) -> None:
        if self.now.alive:
            raise ArenaError("A training is running already.")
        self.calls.append(f"start {kind}")
        self.now = RunState(kind, "running")

    def stop(self) -> None:
        self.calls.append("stop")
        self.now = replace(self.now, status="stopping")


def _texts(comparison: Comparison) -> list[str]:
    return [comparison.question, *[answer.text for answer in comparison.answers.values()]]
