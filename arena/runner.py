"""Runs one question through several contestants and merges what they say, each event with its time.

Contestants on one device run one after the other in random order; devices run at once. The merge never
waits for a slow contestant to hand on a fast one's event. A contestant that raises, ends without a final
event, or says nothing for `patience` seconds gets a `Failed`, and the others go on.
"""

import logging
import queue
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from arena.answer import Answer, AnswerBuilder
from arena.contestant import Contestant
from arena.device import Device, Lease
from arena.errors import ArenaError
from arena.events import Event, Failed, Finished, Stamped, Waiting
from arena.question import Question

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runner:
    """Holds the contestants by name and the devices by name; a device not listed is made on first use.

    `patience`: seconds without any event after which a contestant counts as hanging. `stop_patience`: seconds
    after Stop in which one may still end by itself, with its token counts.
    """

    contestants: Mapping[str, Contestant]
    devices: dict[str, Device] = field(default_factory=dict)
    patience: float = 120.0
    stop_patience: float = 2.0

    def start(
        self,
        questions: Mapping[str, Question],
        stop: threading.Event,
        seed: int | None = None,
        gives_way: bool = False,
    ) -> "Run":
        """Ask each named contestant its question. Iterate the returned run for the events; `seed` fixes
        the order on a shared device. Setting `stop` ends every contestant within one token. With `gives_way` all
        other questions come first."""
        names = list(questions)
        random.Random(seed).shuffle(names)
        for name in names:
            self.device(name)
        return Run(self, questions, names, stop, gives_way)

    def device(self, name: str) -> Device:
        """What this contestant runs on."""
        device = self.contestants[name].device
        return self.devices.setdefault(device, Device(device))


class Run:
    """One question under way: an iterator of `Stamped`, and the answers so far. `order` is the order in
    which contestants on a shared device take their turn."""

    def __init__(
        self,
        runner: Runner,
        questions: Mapping[str, Question],
        names: Sequence[str],
        stop: threading.Event,
        gives_way: bool = False,
    ) -> None:
        self.order = tuple(names)
        self._gives_way = gives_way
        self._runner, self._questions, self._stop = runner, questions, stop
        self._builders = {name: AnswerBuilder(name) for name in names}
        self._heard: queue.Queue[tuple[str, Event, float, bool]] = queue.Queue()
        self._open = set(names)
        self._began = time.monotonic()
        self._leases: dict[str, Lease] = {}
        self._threads: list[threading.Thread] = []
        # When each that is answering was last heard, written by its own thread: a reader of this run that
        # dawdles makes nobody look silent.
        self._last_heard: dict[str, float] = {}
        self._stopped: float | None = None

    def answers(self) -> dict[str, Answer]:
        """The answers so far, by contestant."""
        return {name: builder.answer() for name, builder in self._builders.items()}

    def wait(self, patience: float) -> None:
        """After the last event: until the contestants have let go of their devices, too. A process that ends while one
        of them computes is aborted by torch."""
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))

    def __iter__(self) -> Iterator[Stamped]:
        # Join in order before any thread runs: threads may start in any order.
        for name in self.order:
            self._leases[name] = self._runner.device(name).join(self._gives_way)
        for name in self.order:
            thread = threading.Thread(target=self._answer, args=(name,), daemon=True, name=f"contestant-{name}")
            self._threads.append(thread)
            thread.start()
        try:
            while self._open:
                try:
                    name, event, at, contended = self._heard.get(timeout=0.25)
                except queue.Empty:
                    pass
                else:
                    if name in self._open:
                        yield self._take(name, event, at, contended)
                yield from self._lose_patience()
        finally:
            if self._open:
                self._stop.set()  # nobody listens any more
            self._free_devices_later()

    def _take(self, name: str, event: Event, at: float, contended: bool) -> Stamped:
        builder = self._builders[name]
        builder.contended = builder.contended or contended
        stamped = Stamped(name, event, at)
        builder.add(stamped)
        if isinstance(event, Finished | Failed):
            builder.identity = self._identity(name)
            self._open.discard(name)
        return stamped

    def _identity(self, name: str) -> dict[str, str]:
        """Read at the end: while its engine was loading, a contestant could not tell what it runs on."""
        try:
            return dict(self._runner.contestants[name].identity)
        except Exception:
            log.exception("contestant %s does not know its identity", name)
            return {}

    def _lose_patience(self) -> Iterator[Stamped]:
        """Only a contestant that has its device can hang; one that waits is somebody else's delay."""
        now = time.monotonic()
        if self._stop.is_set() and self._stopped is None:
            self._stopped = now
        for name in sorted(self._open):
            if now - self._last_heard.get(name, now) > self._runner.patience:
                self._leases[name].abandon()
                failure = Failed(f"No answer: nothing came for {self._runner.patience:.0f} seconds. Ask again.")
                yield self._take(name, failure, now - self._began, False)
            elif self._stopped is not None and now - self._stopped > self._runner.stop_patience:
                yield self._take(name, Finished(reason="stopped"), now - self._began, False)

    def _free_devices_later(self) -> None:
        """After Stop or a closed page nobody is left to lose patience with one that hangs on to its device."""
        for name in list(self._last_heard):
            timer = threading.Timer(self._runner.patience, self._leases[name].abandon)
            timer.daemon = True
            timer.start()

    def _say(self, name: str, event: Event, contended: bool = False) -> None:
        if isinstance(event, Finished | Failed):
            self._last_heard.pop(name, None)
        self._heard.put((name, event, time.monotonic() - self._began, contended))

    def _answer(self, name: str) -> None:
        lease = self._leases[name]
        try:
            for ahead in lease.waiting(self._stop):
                self._say(name, Waiting(f"{ahead} ahead in the queue"))
            if lease.granted:
                self._listen(name, lease)
            else:
                self._say(name, Finished(reason="stopped"))
        except ArenaError as error:
            self._say(name, Failed(str(error)))
        except Exception as error:
            log.exception("contestant %s failed", name)
            self._say(
                name, Failed(f"The {name} side failed ({type(error).__name__}); the server's log has the details.")
            )
        finally:
            self._last_heard.pop(name, None)
            lease.release()

    def _listen(self, name: str, lease: Lease) -> None:
        self._last_heard[name] = time.monotonic()
        events = self._runner.contestants[name].answer(self._questions[name], self._stop)
        try:
            for event in events:
                if isinstance(event, Waiting):
                    self._last_heard.pop(name, None)
                else:
                    self._last_heard[name] = time.monotonic()
                if name not in self._open:
                    return
                final = isinstance(event, Finished | Failed)
                self._say(name, event, final and lease.contended())
                if final:
                    return
                if self._stop.is_set():
                    self._say(name, Finished(reason="stopped"))
                    return
            self._say(name, Failed(f"The {name} side ended without an answer."))
        finally:
            close = getattr(events, "close", None)
            if close is not None:
                close()


def answer_all(
    runner: Runner, questions: Mapping[str, Question], stop: threading.Event | None = None
) -> dict[str, Answer]:
    """Run to the end and return the answers; for commands that do not stream."""
    run = runner.start(questions, stop or threading.Event())
    for _ in run:
        pass
    return run.answers()
