"""Who is ahead, and whether the votes suffice to say so."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from arena import clustered, sequential
from arena.clustered import Mean
from arena.judgements import Judgements
from arena.standings import Headline, Rate, Speed
from standings import intervals

EQUAL = (0.45, 0.55)
"""An interval within these is no difference worth choosing by."""


@dataclass(frozen=True)
class Verdict:
    """What a win rate of one half or more says. `sure`: independent votes that would be as sure."""

    state: Literal["ahead", "equal", "undecided"]
    rate: Rate
    sure: float


def verdict(mean: Mean) -> Verdict:
    """`mean`: the leader's share of decided votes. "ahead" wants both: the clustered interval leaves out 50 %, and the
    evidence that stays right however often somebody looks (`arena.sequential`).

    The interval alone would not do: looked at after every 10 votes up to 400, it called 23.7 % of 1,000 studies without
    any difference ahead at some look, and this rule 1.3 %; with votes clustered by 100 prompts and 6 people 19.9 % and
    2.1 % (`python -m tests.benchmarks.coverage`).
    """
    rate, sure = intervals.clustered_rate(mean), intervals.as_sure(mean)
    if rate.low > 0.5 and sequential.enough(rate.share, sure):
        return Verdict("ahead", rate, sure)
    equal = rate.low > EQUAL[0] and rate.high < EQUAL[1]
    return Verdict("equal" if equal else "undecided", rate, sure)


def headline(votes: Judgements, first: int, second: int, speed: Speed | None) -> Headline:
    """The page's first sentence about a pair. `votes`: this pair's."""
    if not len(votes):
        return Headline("no votes")
    decided = votes.where(votes.winner >= 0)
    if len(decided) and (decided.winner == first).mean() < 0.5:
        first, second = second, first
    said = Headline(
        "undecided",
        votes.contestants[first],
        votes.contestants[second],
        votes=len(votes),
        people=len(np.unique(votes.annotator)),
        prompts=len(np.unique(votes.prompt)),
        speed=speed,
    )
    if not len(decided):
        return said
    mean = clustered.mean((decided.winner == first).astype(float), decided.prompt, decided.annotator)
    found = verdict(mean)
    said = replace(said, state=found.state, rate=found.rate)
    if found.state != "undecided":
        return said
    further = sequential.further_votes(found.rate.share, found.sure)
    return replace(said, further=None if further is None else _about(further * len(votes) / found.sure))


def _about(votes: float) -> int | None:
    """Two digits: more would pretend. None over a million."""
    if votes > sequential.MOST_VOTES:
        return None
    scale = 10 ** max(len(str(int(votes))) - 2, 0)
    return int(-(-votes // scale) * scale)
