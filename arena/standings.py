"""What the votes say, as values for a page or a terminal: every figure with the number of votes it rests on.

Only shapes and the port; the figures are worked out in standings/.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from arena.judgements import Filters, Version

GROUPINGS = ("class", "wording", "topic", "document", "version", "form", "names")


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % interval, of `votes` votes."""

    share: float
    low: float
    high: float
    votes: int


@dataclass(frozen=True)
class Split:
    """The votes of one pair in one group. `wins` are the first contestant's, `losses` the second's; `rate` is the
    first's share of decided votes with an interval clustered by prompt and annotator, None without any."""

    name: str
    wins: int
    losses: int
    ties: int
    both_bad: int
    rate: Rate | None
    wilson: Rate | None = None
    """The same share as if the votes were independent."""

    @property
    def decided(self) -> int:
        return self.wins + self.losses

    @property
    def votes(self) -> int:
        return self.decided + self.ties + self.both_bad


@dataclass(frozen=True)
class Latency:
    """Seconds of uncontended answers: quantiles 5, 25, 50, 75 and 95 %, None where there is no such time."""

    contestant: str
    answers: int
    total: Sequence[float] | None
    first_token: Sequence[float] | None


@dataclass(frozen=True)
class Speed:
    """Medians of uncontended answers compared: `faster` needs `times` less of the time than `slower`."""

    faster: str
    slower: str
    times: float
    answers: int


@dataclass(frozen=True)
class Headline:
    """`ahead`: enough votes to say so, however often one looks. `equal`: the interval lies within 45 and 55 %.
    `undecided`: `further` more votes would tell with a probability of 80 % if today's rate is the truth (None: over a
    million). `leader` is whoever has more wins; `rate` is the leader's."""

    state: Literal["no votes", "ahead", "equal", "undecided"]
    leader: str = ""
    other: str = ""
    rate: Rate | None = None
    votes: int = 0
    people: int = 0
    prompts: int = 0
    further: int | None = None
    speed: Speed | None = None


@dataclass(frozen=True)
class Strength:
    """Bradley-Terry: the chance to be preferred to an average contestant of these, with its interval."""

    contestant: str
    chance: float
    low: float
    high: float
    votes: int


@dataclass(frozen=True)
class Ranking:
    """All contestants, the strongest first. `helped`: see `arena.bradley_terry.Strengths`. `note` says why there is
    none."""

    strengths: Sequence[Strength] = ()
    helped: bool = False
    votes: int = 0
    note: str = ""


@dataclass(frozen=True)
class Effect:
    """What is left of 50 % when only this differs between two answers (logistic model). `note` says why it could not be
    told apart, "" where it could."""

    name: str
    rate: Rate | None
    p: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Annotator:
    """One person's votes. `rate` is how often the first contestant was preferred in the `paired` decided votes on the
    pair; `left` the share of decided votes for what stood left; `agreement` that with `compared` votes of others on the
    same pairs; `repeated` of `repeats` second showings of what these votes are on got the same choice; `seconds` is the
    median of `clocked` votes. Shares are None where there was nothing to take them from."""

    place: int
    name: str
    votes: int
    decided: int
    paired: int
    rate: float | None
    left: float | None
    agreement: float | None
    compared: int
    repeated: int
    repeats: int
    hasty: int
    clocked: int
    seconds: float | None


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha over pairs judged by at least two."""

    alpha: float
    low: float
    high: float
    pairs: int
    votes: int


@dataclass(frozen=True)
class Options:
    """What can be chosen in the filters, with the number of votes."""

    pairs: Sequence[tuple[tuple[str, str], int]] = ()
    kinds: Sequence[tuple[str, int]] = ()
    topics: Sequence[tuple[str, int]] = ()
    documents: Sequence[tuple[str, int]] = ()
    wordings: Sequence[tuple[str, int]] = ()
    annotators: Sequence[tuple[str, int]] = ()
    versions: Sequence[tuple[Version, int]] = ()


@dataclass(frozen=True)
class Report:
    """Everything on the Results page. `first` and `second` are the pair; shares and splits are the first's."""

    filters: Filters
    all_votes: int
    headline: Headline
    first: str = ""
    second: str = ""
    total: Split | None = None
    wilson: Rate | None = None
    bootstrap: Rate | None = None
    sign_test: float | None = None
    ties: Rate | None = None
    both_bad: Rate | None = None
    groups: Mapping[str, Sequence[Split]] = field(default_factory=dict)
    effects: Sequence[Effect] = ()
    ranking: Ranking = field(default_factory=Ranking)
    alpha: Alpha | None = None
    annotators: Sequence[Annotator] = ()
    reasons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    latencies: Sequence[Latency] = ()
    contended: int = 0
    """Answers that are in no latency: other work used the machine meanwhile."""
    mixed: Sequence[Version] = ()
    options: Options = field(default_factory=Options)


class Standings(Protocol):
    """Whoever works it out."""

    def report(self, filters: Filters) -> Report:
        """Raises `StorageError` when the votes cannot be read."""
        ...
