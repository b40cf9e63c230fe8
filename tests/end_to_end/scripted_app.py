"""The real pages and server over scripted contestants, as a process of its own: `python -m ... PORT [SECONDS]`.

For the browser tests that need answers of a known length, failures, or a queue. What the contestants do is
read from the question: "slow" takes about 20 seconds, "fail" makes RAG fail, "beacon" answers with hostile
markup. The history is in memory.
"""

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import ui
from arena.contestant import StopSignal
from arena.elsewhere import Keeper
from arena.events import Event, Failed, Finished, Note, Passage, Retrieved, Token, Working
from arena.knowledge import KnowledgeDesk
from arena.loading import State
from arena.people import PeopleSettings
from arena.ports import Exports, History
from arena.question import Question
from arena.queue import Filler, Queue
from arena.runner import Runner
from arena.standings import Standings
from arena.training import RunState
from commands.people import Gate
from tests.fakes import FakeDesk, FakeHistory, FakeShelf

HOSTILE = (
    "Look: ![x](http://beacon.invalid/leak.png) <img src='http://beacon.invalid/raw.png'> "
    "<script>window.hacked = 1</script> {{value}} ${1+1} <b onclick='window.hacked=1'>bold</b>"
)
RAG_ANSWER = "According to the manual, the Fernlight 200 draws **11 watts** in normal operation [1]."
PASSAGES = (
    Passage(
        "controllers/fernlight-200-300.html",
        "Technical data > Power",
        "Both models run on 24 volts. The Fernlight 200 draws 11 watts in normal operation. The larger one draws more.",
        0.83,
        ("The Fernlight 200 draws 11 watts in normal operation.",),
    ),
    Passage(
        "controllers/service-manual.pdf", "page 3", "<img src=http://beacon.invalid/p.png> Measure the load.", 0.41
    ),
)
OPEN = Gate(PeopleSettings())
KNOWN = {passage.document: passage.text for passage in PASSAGES}


@dataclass
class Scripted:
    """Writes one of two sentences, a word at a time."""

    name: str
    device: str = "cpu"
    retrieves: bool = False
    identity: Mapping[str, str] = field(default_factory=lambda: {"model": "scripted"})

    def answer(self, question: Question, stop: StopSignal) -> Iterator[Event]:
        yield Working("searching the documents" if self.retrieves else "answering")
        if self.retrieves:
            stop.wait(0.3)
            yield Retrieved(PASSAGES)
            stop.wait(0.5)
            if "fail" in question.text:
                yield Failed("The generator ran out of memory: ask a shorter question.")
                return
        pause = 0.4 if "slow" in question.text else 0.03
        words = self._words(question)
        if question.history:
            yield Note(f"saw {len(question.history)} earlier question" + ("s" if len(question.history) > 1 else ""))
        for word in words:
            if stop.is_set():
                yield Finished(reason="stopped")
                return
            yield Token(word + " ")
            stop.wait(pause)
        yield Finished(prompt_tokens=42, answer_tokens=len(words))

    def _words(self, question: Question) -> list[str]:
        if "beacon" in question.text:
            return HOSTILE.split(" ")
        if self.retrieves:
            return RAG_ANSWER.split(" ")
        words = f"The {self.name} answer: the Fernlight 200 draws 11 watts.".split(" ")
        return words * 6 if "slow" in question.text else words


def main(
    port: int,
    loading_seconds: float,
    shelf: KnowledgeDesk | None = None,
    history: History | None = None,
    keeper: Keeper | None = None,
    exports: Exports | None = None,
    standings: Standings | None = None,
    queue: Queue | None = None,
    filler: Filler | None = None,
    entrance: Gate = OPEN,
) -> None:
    """Serve until killed."""
    names = ("fine-tuned", "rag", "base")
    runner = Runner({name: Scripted(name, retrieves=name == "rag") for name in names})
    history = history or FakeHistory()
    ready_at = time.monotonic() + loading_seconds

    def status() -> dict[str, State]:
        ready = time.monotonic() >= ready_at
        model = State("ready", "models: ready") if ready else State("loading", "loading base model…")
        return {"models": model, "index": State("ready", "index: ready"), "database": State("ready", "database: ready")}

    settings = ui.Settings(
        workspace="Fernlight",
        example_prompts=("How many watts does the Fernlight 200 draw?", "Who founded the company?"),
        status=status,
        code_version="test",
        generator="RAG answers are written by a script.",
        upload_megabytes=1,
        keeper=keeper,
    )
    losses = tuple((step, 3.0 / step**0.4) for step in range(10, 410, 10))
    trained = RunState(
        status="stopped",
        step=400,
        of=777,
        started=datetime.now(UTC),
        training_losses=losses,
        held_out_losses=losses[9::10],
        training_accuracy=tuple((step, 1 - 10 / (step + 5)) for step, _ in losses),
        held_out_accuracy=tuple((step, 1 - 40 / (step + 10)) for step, _ in losses[9::10]),
        log_tail="step 400 of 777, loss 0.273, about 21 min left",
        exit_code=0,
    )
    pages = ui.build(
        runner,
        history,
        settings,
        FakeDesk(trained),
        shelf or FakeShelf(KNOWN, seconds=1.0),
        rights=entrance.rights,
        people=entrance.people,
        standings=standings,
        exports=exports,
        queue=queue,
        filler=filler,
    )
    doors = entrance.routes
    ui.launch(pages, settings, port=port, block=False, rights=entrance.rights, exports=exports, doors=doors)
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0)
