"""Answers the annotators' queue ahead, so that nobody waits: one task after the other, whenever nobody else asks.

A visitor's question stops an answer that is being made here within one token; it is made again later. A task's pair is
saved when both answers are there, so that nothing is left over from a run that was stopped or killed. Each answer is
made alone on its device, like any other, and its timings are as good; `versions` says that it was made ahead.
"""

import logging
import random
import threading
from collections.abc import Callable, Mapping

from arena.annotation import TASK, Task
from arena.answer import Answer
from arena.comparison import Comparison
from arena.device import Device
from arena.errors import ArenaError
from arena.question import Question
from arena.queue import Queue
from arena.runner import Runner

log = logging.getLogger(__name__)

ASKED_BY = "annotators' queue"

POLL = 5.0
"""Seconds between two looks for new tasks: other processes add some, too."""

GIVE_WAY = 0.1
"""Seconds between two looks whether visitors are done."""

LAST_STEP = 10.0
"""Seconds that a stopped contestant gets to end the computation it is in."""


class _Stop(threading.Event):
    """Set when we are to end, or while somebody wants the device."""

    def __init__(self, ended: threading.Event, device: Device) -> None:
        super().__init__()
        self._ended, self._device = ended, device

    def is_set(self) -> bool:
        return super().is_set() or self._ended.is_set() or self._device.wanted


class Ahead:
    """Works in a thread of its own between `start` and `stop`, or in the caller's with `work_off`. `versions` goes
    into each comparison (code version)."""

    def __init__(self, runner: Runner, queue: Queue, versions: Mapping[str, str]) -> None:
        self.ended = threading.Event()
        self._runner, self._queue, self._versions = runner, queue, dict(versions)
        self._thread = threading.Thread(target=self._work, daemon=True, name="answers-ahead")

    def start(self) -> "Ahead":
        self._thread.start()
        return self

    def stop(self, patience: float = LAST_STEP) -> None:
        """End within one token, and wait for that and for what computes."""
        self.ended.set()
        if self._thread.is_alive():
            self._thread.join(patience)

    def work_off(self, told: Callable[[Task, str], None] = lambda task, failure: None) -> None:
        """Answer what waits, until nothing does. `told` hears of each task that is done, with why it failed or "".
        Raises `StorageError`."""
        while not self.ended.is_set() and (waiting := self._queue.next_task()) is not None:
            task, text = waiting
            failure = self._answer(task, text)
            if failure:
                self._queue.failed(task.id, failure)
            if failure is not None:
                told(task, failure)

    def _work(self) -> None:
        while not self.ended.is_set():
            try:
                self.work_off()
            except ArenaError as error:
                log.warning("answers are not made ahead for now: %s", error)
            except Exception:
                log.exception("answers are not made ahead for now")
            self.ended.wait(POLL)

    def _answer(self, task: Task, text: str) -> str | None:
        """ "" once its pair is saved, or why there is none; None when we were stopped."""
        sides = (task.left, task.right)
        order = random.sample(sides, 2)
        answers = {}
        for name in order:
            if name not in self._runner.contestants:
                return f"There is no contestant '{name}': there are {', '.join(self._runner.contestants)}."
            answer = self._ask(name, text)
            if answer is None:
                return None
            if answer.failure is not None:
                return f"{name}: {answer.failure}"
            answers[name] = answer
        versions = {**self._versions, TASK: task.id, "order": ", ".join(order), "ahead": "yes"}
        made = Comparison(text, *sides, blind=True, asked_by=ASKED_BY, answers=answers, versions=versions)
        self._queue.answered(task.id, made)
        return ""

    def _ask(self, name: str, text: str) -> Answer | None:
        """Its answer, whole or failed; None when we were stopped."""
        device = self._runner.device(name)
        while not self.ended.is_set():
            if device.wanted:
                self.ended.wait(GIVE_WAY)
                continue
            run = self._runner.start({name: Question(text)}, _Stop(self.ended, device), gives_way=True)
            for _ in run:
                pass
            run.wait(LAST_STEP)
            answer = run.answers()[name]
            if answer.complete or answer.failure is not None:
                return answer
        return None
