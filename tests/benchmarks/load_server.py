"""What `load.py` asks: the real pages and server over a real database, with everything that keeps votes safe, a queue
of pairs answered ahead, and contestants that play a script. `python -m tests.benchmarks.load_server PORT WORKSPACE`."""

import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import ui
from arena.ahead import Ahead
from arena.annotation import QueuedPrompt, Source
from arena.contestant import StopSignal
from arena.events import Event, Finished, Passage, Retrieved, Token, Working
from arena.loading import State
from arena.question import Question
from arena.runner import Runner
from arena.workspace import open_workspace
from commands.keeping import kept_safe
from commands.queue import queue_of
from commands.shared import database

PAIR = ("fine-tuned", "rag")
WORDS = ("The Fernlight 200 draws 11 watts in normal operation, the larger one more. " * 4).split()
PAUSE = 0.02
QUEUED = 800
"""Pairs in the queue, each for three people: more than a hundred annotators get through."""
PASSAGES = tuple(Passage(f"manual-{n}.pdf", f"page {n}", " ".join(WORDS), 1 / n, (WORDS[0],)) for n in range(1, 6))


@dataclass
class Paced:
    """Writes some fifty words, at some fifty words a second for a visitor, at once for the queue."""

    name: str
    device: str
    identity: Mapping[str, str] = field(default_factory=lambda: {"model": "scripted"})

    def answer(self, question: Question, stop: StopSignal) -> Iterator[Event]:
        yield Working("answering")
        if self.name == "rag":
            yield Retrieved(PASSAGES)
        for word in WORDS:
            if stop.is_set():
                yield Finished(reason="stopped")
                return
            yield Token(word + " ")
            if question.text.startswith("Visitor"):
                stop.wait(PAUSE)
        yield Finished(prompt_tokens=42, answer_tokens=len(WORDS))


def serve(port: int, folder: Path) -> None:
    """Until killed."""
    workspace = open_workspace(folder)
    history = database(workspace)
    runner = Runner({name: Paced(name, name) for name in PAIR})
    queue = queue_of(workspace, history.database)
    queue.add([QueuedPrompt(f"Queued question {number}?", Source.IMPORTED) for number in range(QUEUED)], [PAIR])
    Ahead(runner, queue, {}).work_off()
    with kept_safe(workspace, history) as keeper:
        settings = ui.Settings("load", status=lambda: {"database": State("ready", "ready")}, keeper=keeper)
        ui.launch(ui.build(runner, history, settings, queue=queue), settings, port=port, block=False)
        threading.Event().wait()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
