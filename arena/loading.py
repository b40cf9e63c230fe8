"""Things that take long to load, made in the background while the page is already up."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from arena.contestant import Contestant, StopSignal
from arena.errors import ArenaError
from arena.events import Event, Failed, Finished, Waiting
from arena.question import Question

log = logging.getLogger(__name__)

Value = TypeVar("Value")


@dataclass(frozen=True)
class State:
    """What /healthz and the page show of one part."""

    status: Literal["loading", "ready", "failed"]
    detail: str


class Loading(Generic[Value]):
    """A value being made by a thread. `report` is handed to the maker to say how far it is."""

    def __init__(self, name: str, make: Callable[[Callable[[str], None]], Value]) -> None:
        self.name = name
        self._make = make
        self._done = threading.Event()
        self._value: Value | None = None
        self._state = State("loading", f"{name}: waiting to start")
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"load-{name}")

    def start(self) -> "Loading[Value]":
        self._thread.start()
        return self

    @property
    def state(self) -> State:
        return self._state

    def wait(self, timeout: float | None = None) -> bool:
        """True once it is ready or failed."""
        return self._done.wait(timeout)

    def value(self) -> Value:
        """The value, waiting for it. Raises `ArenaError` with the reason when it could not be made."""
        self._done.wait()
        if self._value is None:
            raise ArenaError(self._state.detail)
        return self._value

    def renew(self, value: Value) -> None:
        """Put another value in the place of the one that was loaded: whoever asks from now on gets it."""
        self._value = value

    def _run(self) -> None:
        try:
            self._value = self._make(lambda text: setattr(self, "_state", State("loading", text)))
            self._state = State("ready", f"{self.name}: ready")
        except ArenaError as error:
            self._state = State("failed", str(error))
        except Exception as error:
            log.exception("%s could not be loaded", self.name)
            self._state = State("failed", f"{self.name} could not be loaded: {type(error).__name__}: {error}")
        finally:
            self._done.set()


class LazyContestant:
    """A contestant whose engine is still loading: a question waits, says for what, and is then answered."""

    def __init__(self, name: str, device: str, loading: Loading[Contestant]) -> None:
        self.name, self.device, self._loading = name, device, loading

    @property
    def identity(self) -> Mapping[str, str]:
        return self._loading.value().identity if self._loading.state.status == "ready" else {}

    def answer(self, question: Question, stop: StopSignal) -> Iterator[Event]:
        told = ""
        while not self._loading.wait(0.1):
            if stop.is_set():
                yield Finished(reason="stopped")
                return
            if self._loading.state.detail != told:
                told = self._loading.state.detail
                yield Waiting(told)
        if self._loading.state.status == "failed":
            yield Failed(self._loading.state.detail)
            return
        yield from self._loading.value().answer(question, stop)
