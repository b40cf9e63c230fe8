"""An answer as it is shown, scored and stored: events folded into one value, with its clock split."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from arena.events import Failed, Finished, Note, Passage, Retrieved, Stamped, StopReason, Token, Working

ONE_PIECE = 0.005
"""Seconds: an answer that came within that time after its first token was handed on in one piece, and has no speed."""


@dataclass(frozen=True)
class Timings:
    """Seconds, None where the stage did not happen.

    `queue`: asked -> the contestant got its device (waiting for other people, for the other side, for loading).
    `retrieval`: device -> passages. `first_token` and `total`: device -> first piece of text, device -> last.
    So `total` is what this contestant costs when nobody else is there. `contended`: something else used the
    machine meanwhile; such answers stay out of latency statistics.
    """

    queue: float | None = None
    retrieval: float | None = None
    first_token: float | None = None
    total: float | None = None
    prompt_tokens: int = 0
    answer_tokens: int = 0
    contended: bool = False

    @property
    def tokens_per_second(self) -> float | None:
        """Decoding speed: tokens after the first over the time after the first."""
        if self.first_token is None or self.total is None or self.answer_tokens < 2:
            return None
        decoding = self.total - self.first_token
        return (self.answer_tokens - 1) / decoding if decoding > ONE_PIECE else None


@dataclass(frozen=True)
class Answer:
    """One contestant's answer. `reason` is None until it is finished; `failure` is None unless it failed."""

    contestant: str
    text: str = ""
    timings: Timings = field(default_factory=Timings)
    passages: tuple[Passage, ...] | None = None
    notes: tuple[str, ...] = ()
    reason: StopReason | None = None
    failure: str | None = None
    identity: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """True when it ended by itself: only such an answer can be voted on."""
        return self.failure is None and self.reason is not None and self.reason != "stopped"


class AnswerBuilder:
    """Folds the stamped events of one contestant; `answer()` may be asked at any time."""

    def __init__(self, contestant: str, identity: Mapping[str, str] | None = None) -> None:
        self.contestant = contestant
        self.identity = dict(identity or {})
        self.contended = False
        self._pieces: list[str] = []
        self._notes: list[str] = []
        self._passages: tuple[Passage, ...] | None = None
        self._started: float | None = None
        self._retrieved: float | None = None
        self._first: float | None = None
        self._ended: float | None = None
        self._final: Finished | Failed | None = None

    def add(self, stamped: Stamped) -> None:
        """Take the next event. Events after the final one are ignored."""
        if self._final is not None:
            return
        event, at = stamped.event, stamped.at
        if isinstance(event, Working) and self._started is None:
            self._started = at
        elif isinstance(event, Retrieved):
            self._passages, self._retrieved = event.passages, at
        elif isinstance(event, Note):
            self._notes.append(event.text)
        elif isinstance(event, Token) and event.text:
            self._first = at if self._first is None else self._first
            self._pieces.append(event.text)
        elif isinstance(event, Finished | Failed):
            self._final, self._ended = event, at

    def answer(self) -> Answer:
        """The answer so far."""
        final = self._final
        finished = final if isinstance(final, Finished) else None
        return Answer(
            contestant=self.contestant,
            text="".join(self._pieces),
            timings=Timings(
                queue=self._started,
                retrieval=self._since_start(self._retrieved),
                first_token=self._since_start(self._first),
                total=self._since_start(self._ended),
                prompt_tokens=finished.prompt_tokens if finished else 0,
                answer_tokens=finished.answer_tokens if finished else 0,
                contended=self.contended,
            ),
            passages=self._passages,
            notes=tuple(self._notes),
            reason=finished.reason if finished else None,
            failure=final.message if isinstance(final, Failed) else None,
            identity=self.identity,
        )

    def _since_start(self, at: float | None) -> float | None:
        return None if at is None or self._started is None else at - self._started
