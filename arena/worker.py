"""One thread that does all the computing of a device, in order of asking.

PyTorch's OpenMP pool belongs to the first thread that computes: every other one took 1.7 times as long for the same
answer (measured on 2 cores). And switching PEFT's adapters is not thread-safe. So whoever computes on the device is
handed the same worker. Knows nothing of models.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Worker:
    """Starts its thread with the first work. What it is given from within that thread runs at once."""

    def __init__(self, name: str = "worker") -> None:
        self._waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True, name=name)
        self._starting = threading.Lock()

    def call(self, work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        """Run `work` in the thread, wait, and return or raise what it does."""
        if threading.current_thread() is self._thread:
            return work(*given, **named)
        return next(self.stream(lambda: _once(lambda: work(*given, **named))))

    def stream(self, make: Callable[[], Iterator[Result]]) -> Iterator[Result]:
        """Make an iterator in the thread and run through it there, handing on each item as it comes.

        Others wait until it has ended. Closed early, it is closed in the thread after the item it is at; closing
        waits for that.
        """
        if threading.current_thread() is self._thread:
            yield from make()
            return
        told: SimpleQueue[tuple[bool, Result | BaseException | None]] = SimpleQueue()
        left, ended = threading.Event(), threading.Event()

        def pump() -> None:
            try:
                if not left.is_set():
                    items = make()
                    for item in items:
                        told.put((True, item))
                        if left.is_set():
                            break
                    close = getattr(items, "close", None)
                    if close:
                        close()
                told.put((False, None))
            except BaseException as error:
                told.put((False, error))
            finally:
                ended.set()

        self._enqueue(pump)
        try:
            while True:
                more, item = told.get()
                if not more:
                    if isinstance(item, BaseException):
                        raise item
                    return
                yield item  # type: ignore[misc]
        finally:
            left.set()
            # Not where nobody would end it: a stream that is collected in the worker's own thread, or at exit.
            if threading.current_thread() is not self._thread and not sys.is_finalizing():
                ended.wait()

    def _enqueue(self, job: Callable[[], None]) -> None:
        with self._starting:
            if self._thread.ident is None:
                self._thread.start()
        self._waiting.put(job)

    def _run(self) -> None:
        while True:
            self._waiting.get()()


class Caller(Worker):
    """Computes in the thread of whoever asks: for commands, whose one thread is the first to compute anyway."""

    def call(self, work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        return work(*given, **named)

    def stream(self, make: Callable[[], Iterator[Result]]) -> Iterator[Result]:
        return make()


def _once(work: Callable[[], Result]) -> Iterator[Result]:
    try:
        found = work()
    except StopIteration as error:  # would end the stream instead of reaching the caller
        raise RuntimeError("the work raised StopIteration") from error
    yield found
