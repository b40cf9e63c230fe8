"""How long answers take: quantiles of those that had the machine to themselves, and medians compared."""

import numpy as np

from arena.judgements import Judgements, Timed
from arena.standings import Latency, Speed

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FEWEST_ANSWERS = 5
"""Of each contestant, before a sentence says who is faster."""


def latencies(judgements: Judgements, chosen: tuple[int, ...] = ()) -> list[Latency]:
    """Of these contestants, by code, or of all; the fastest first."""
    timed = judgements.timed
    found = [_latency(timed, code, judgements.contestants[code]) for code in chosen or np.unique(timed.contestant)]
    return sorted((each for each in found if each.total), key=lambda each: each.total[2] if each.total else 0.0)


def speed(found: list[Latency]) -> Speed | None:
    """The first two of `latencies`; None with too few answers to say so."""
    if len(found) < 2 or min(each.answers for each in found[:2]) < FEWEST_ANSWERS:
        return None
    fast, slow = found[0], found[1]
    if not fast.total or not slow.total or not fast.total[2]:
        return None
    return Speed(fast.contestant, slow.contestant, slow.total[2] / fast.total[2], fast.answers + slow.answers)


def _latency(timed: Timed, code: int, name: str) -> Latency:
    own = timed.contestant == code
    first = timed.first_token[own]
    return Latency(name, int(own.sum()), _quantiles(timed.total[own]), _quantiles(first[~np.isnan(first)]))


def _quantiles(seconds: np.ndarray) -> tuple[float, ...] | None:
    return tuple(float(each) for each in np.quantile(seconds, QUANTILES)) if len(seconds) else None
