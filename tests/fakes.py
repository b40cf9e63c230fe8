"""Small fakes with the ports' names, for every room's tests: scripted contestants, a history in memory.

They keep the contracts of arena/ (a fake that is kinder than the real thing hides bugs); no models, no files.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from arena.comparison import Comparison, Vote, checked_vote
from arena.contestant import StopSignal
from arena.errors import ArenaError, StorageError
from arena.events import Event, Finished, Token, Working
from arena.knowledge import (
    EVERYWHERE,
    Added,
    AlreadyThere,
    Chosen,
    Chunk,
    Document,
    Found,
    Indexing,
    Limits,
    Ranked,
    Within,
)
from arena.question import Question
from arena.training import Kind, Learnt, RunState


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
        self.knows: tuple[Learnt, ...] = ()

    def state(self) -> RunState:
        if self.trouble:
            raise ArenaError(self.trouble)
        return self.now

    def learnt(self) -> tuple[Learnt, ...]:
        return self.knows

    def start(self, kind: Kind) -> None:
        if self.now.alive:
            raise ArenaError("A training is running already.")
        self.calls.append(f"start {kind}")
        self.now = RunState(kind, "running")

    def stop(self) -> None:
        self.calls.append("stop")
        self.now = replace(self.now, status="stopping")


class FakeShelf:
    """`arena.knowledge.KnowledgeDesk` in memory: a document is one passage. Indexing takes `seconds`, or, when that is
    None, until `index` is called. `trouble`, when set, is raised by everything but `indexing`."""

    def __init__(self, texts: Mapping[str, str], seconds: float | None = None, trouble: str = "") -> None:
        self.texts, self.trouble, self.seconds = dict(texts), trouble, seconds
        self.indexed = dict(texts)
        self.skipped = {"scan.tiff": "unsupported ending '.tiff': use .md, .zip"}
        self.runs, self.calls = 1, list[str]()
        self._ends: float | None = None

    def documents(self) -> list[Document]:
        self._refuse()
        self._pass_time()
        rows = [
            Document(name, self._state(name), len(text), 1 if name in self.indexed else None, file=name)
            for name, text in self.texts.items()
        ]
        rows += [Document(name, "skipped", 9, None, reason, name) for name, reason in self.skipped.items()]
        return sorted(rows, key=lambda row: row.name)

    def limits(self) -> Limits:
        return Limits((".md", ".zip"), 50)

    def indexing(self) -> Indexing:
        self._pass_time()
        if self._ends is not None:
            return Indexing("working", "embedding passages", 1, 3, runs=self.runs)
        return Indexing("done" if self.calls else "idle", text="Up to date." if self.calls else "", runs=self.runs)

    def add(self, files: Sequence[tuple[str, Path]], replace: bool) -> Added:
        self._refuse()
        taken = {name: path.read_text() for name, path in files if name.endswith(".md")}
        refused = tuple((name, "unsupported ending: use .md, .zip") for name, _ in files if name not in taken)
        if not replace and (there := [name for name in taken if name in self.texts]):
            raise AlreadyThere(there)
        self.texts |= taken
        if taken:
            self.rebuild()
        return Added(tuple(taken), refused)

    def delete(self, file: str) -> None:
        self._refuse()
        if file not in self.texts | self.skipped:
            raise ArenaError(f"There is no file '{file}'.")
        self.texts.pop(file, None)
        self.skipped.pop(file, None)
        self.rebuild()

    def rebuild(self) -> None:
        self._refuse()
        self.calls.append("rebuild")
        self._ends = time.monotonic() + (3600 if self.seconds is None else self.seconds)

    def chunks(self, document: str) -> list[Chunk]:
        self._refuse()
        text = self.indexed.get(document)
        return [] if text is None else [Chunk(f"{document} > Power", "page 3, Power", text, 7, 7 + len(text))]

    def text(self, document: str) -> str:
        self._refuse()
        text = self.indexed.get(document)
        return "" if text is None else f"Power\n\n{text}\n\nThe end."

    def search(self, question: str, within: Within = EVERYWHERE) -> Found:
        self._refuse()
        words = set(question.lower().split())
        self.calls.append(f"search within {within}")
        here = {
            name: text
            for name, text in self.indexed.items()
            if name in self.texts and (name in within.documents or not within.documents)
        }
        scores = {name: len(words & set(text.lower().split())) / len(words) for name, text in here.items()}
        best = sorted(here, key=lambda name: -scores[name])
        passages = tuple(Ranked(name, "Power", here[name], 0.5, 3.25, scores[name]) for name in best)
        sentences = tuple(Chosen(name, "Power", here[name], scores[name]) for name in best[:1])
        return Found(passages, sentences, 0.4, judged=True)

    def index(self) -> None:
        """What was under way has ended."""
        self._ends = 0.0
        self._pass_time()

    def _state(self, name: str) -> Any:
        if name not in self.indexed:
            return "new"
        return "indexed" if self.indexed[name] == self.texts[name] else "changed"

    def _pass_time(self) -> None:
        if self._ends is not None and time.monotonic() >= self._ends:
            self._ends, self.indexed = None, dict(self.texts)
            self.runs += 1

    def _refuse(self) -> None:
        if self.trouble:
            raise ArenaError(self.trouble)


def _texts(comparison: Comparison) -> list[str]:
    return [comparison.question, *[answer.text for answer in comparison.answers.values()]]
