"""Annotators: how far they agree with each other, and with themselves."""

import numpy as np

from arena.agreement import krippendorff
from arena.judgements import BOTH_BAD, LEFT, TIE, Judgements, Repeats
from arena.standings import Alpha, Annotator
from standings.intervals import quantile


def counts(votes: Judgements) -> np.ndarray:
    """Comparisons x (one contestant, the other, tie, both bad): how often each was chosen, whatever side it stood
    on."""
    table = np.zeros((int(votes.comparison.max(initial=-1)) + 1, 4), dtype=np.int64)
    np.add.at(table, (votes.comparison, _categories(votes)), 1)
    return table


def alpha(votes: Judgements) -> Alpha | None:
    """None when nobody judged a pair that somebody else judged, or all said the same."""
    found = krippendorff(counts(votes))
    if found is None or found.units < 2:
        return None
    reach = quantile(found.units - 1) * found.error
    low, high = max(found.alpha - reach, -1.0), min(found.alpha + reach, 1.0)
    return Alpha(found.alpha, low, high, found.units, found.values)


def annotators(votes: Judgements, first: int, second: int) -> list[Annotator]:
    """Whoever voted, most votes first. `votes` may hold other pairs than the named one; only its own tells the rate. A
    second showing counts where the vote that it repeats does."""
    count = len(votes.annotators)
    decided = votes.outcome < TIE
    pair = votes.of_pair(first, second) & decided
    table, categories = counts(votes), _categories(votes)
    others = table.sum(axis=1)[votes.comparison] - 1
    same = table[votes.comparison, categories] - 1

    def by_person(values: np.ndarray) -> np.ndarray:
        return np.bincount(votes.annotator, values, minlength=count)

    total, decisions, lefts = by_person(np.ones(len(votes))), by_person(decided), by_person(votes.outcome == LEFT)
    paired, preferred = by_person(pair), by_person(pair & (votes.winner == first))
    compared, agreed, hasty = by_person(others), by_person(same), by_person(votes.hasty)
    clocked, again = by_person(~np.isnan(votes.seconds)), np.isin(_judged(votes.repeats), _judged(votes))
    repeats = np.bincount(votes.repeats.annotator[again], minlength=count)
    repeated = np.bincount(votes.repeats.annotator[again], votes.repeats.same[again], minlength=count)
    return [
        Annotator(
            place=int(person) + 1,
            name=votes.annotators[person],
            votes=int(total[person]),
            decided=int(decisions[person]),
            paired=int(paired[person]),
            rate=_share(preferred[person], paired[person]),
            left=_share(lefts[person], decisions[person]),
            agreement=_share(agreed[person], compared[person]),
            compared=int(compared[person]),
            repeated=int(repeated[person]),
            repeats=int(repeats[person]),
            hasty=int(hasty[person]),
            clocked=int(clocked[person]),
            seconds=_median(votes.seconds[votes.annotator == person]),
        )
        for person in np.argsort(-total, kind="stable")
        if total[person]
    ]


def _judged(of: Judgements | Repeats) -> np.ndarray:
    """A number for each, the same for the same person on the same comparison."""
    return (of.annotator.astype(np.int64) << 32) + of.comparison


def _categories(votes: Judgements) -> np.ndarray:
    lower = np.minimum(votes.left, votes.right)
    chosen = np.where(votes.winner == lower, 0, 1)
    return np.where(votes.outcome == TIE, 2, np.where(votes.outcome == BOTH_BAD, 3, chosen))


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _median(seconds: np.ndarray) -> float | None:
    known = seconds[~np.isnan(seconds)]
    return float(np.median(known)) if len(known) else None
