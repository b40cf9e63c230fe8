"""The port every answering system implements: one method that yields events."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from arena.events import Event
from arena.question import Question


class StopSignal(Protocol):
    """What `threading.Event` is: set once, seen by all."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float | None = None) -> bool: ...


class Contestant(Protocol):
    """One system that answers.

    `name` is its stable key ("fine-tuned", "rag", "base"); `device` names what it runs on: contestants
    with the same device are run one after the other, others at once. `identity` is everything needed to
    repeat an answer (hashes of model, adapter and index, prompt version, decoding parameters).
    """

    @property
    def name(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def identity(self) -> Mapping[str, str]: ...

    def answer(self, question: Question, stop: StopSignal) -> Iterator[Event]:
        """Yield events, last a `Finished` or `Failed`. Ends within one token once `stop` is set."""
        ...
