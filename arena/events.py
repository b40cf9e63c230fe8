"""What a contestant says while it answers, as frozen values in the order they happen.

`Working` may come any number of times; `Retrieved` at most once and before the first `Token`;
exactly one of `Finished` or `Failed` comes last. The runner adds the clock (`Stamped`).
"""

from dataclasses import dataclass
from typing import Literal

StopReason = Literal["end", "length", "repetition", "stopped"]


@dataclass(frozen=True)
class Passage:
    """A retrieved piece of a document. `score` is the retriever's own, higher is better.

    `location` is what a person would look for: "page 3", "Settings > Night mode", "row 4".
    `used` is what of it the model was shown, sentence by sentence or all of it; empty when it was shown nothing of it.
    """

    document: str
    location: str
    text: str
    score: float
    used: tuple[str, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """Not started: queued behind others, or something is still loading. `reason` is shown to the person."""

    reason: str


@dataclass(frozen=True)
class Working:
    """The contestant has the device; its own clock starts at the first of these."""

    doing: str = "answering"


@dataclass(frozen=True)
class Retrieved:
    """The passages the answer will be based on, best first, and then those that were found and not used. Empty when
    nothing was found."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True)
class Note:
    """Something the reader should know: "dropped 2 earlier turns to fit the context"."""

    text: str


@dataclass(frozen=True)
class Token:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The answer is complete. Token counts are the model's own, 0 when an endpoint does not tell. `surprise`: how
    unlikely the model found its own words, in nats a token, the mean; None when it does not tell."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    reason: StopReason = "end"
    surprise: float | None = None


@dataclass(frozen=True)
class Failed:
    """No answer. `message` is for the person."""

    message: str


Event = Waiting | Working | Retrieved | Note | Token | Finished | Failed


@dataclass(frozen=True)
class Stamped:
    """An event of one contestant, `at` seconds after the comparison was asked."""

    contestant: str
    event: Event
    at: float
