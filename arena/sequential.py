"""When votes suffice to say who is ahead, however often somebody looks.

A 95 % interval looked at after every few votes excludes 50 % sooner or later, in far more than 5 % of studies without
any difference. So "enough to say so" wants evidence that stays right at every look: the ratio between how well a spread
of possible win rates and a win rate of one half explain the votes. If both are equally good, it ever reaches 20 in at
most 5 % of studies (Ville 1939; Robbins 1970, "Statistical methods related to the law of the iterated logarithm"; as
used for A/B tests by Johari and others 2022, "Always valid inference", doi:10.1287/opre.2021.2135).
That holds for independent votes; clustered ones count as the independent votes that would be as sure, which is an
estimate: `python -m tests.benchmarks.coverage` measures how often it is fooled.
"""

from math import ceil, exp, lgamma, log, sqrt

ENOUGH = log(20)
"""The evidence that says so, as a natural logarithm: 1 / 0.05."""
SPREAD = 10.0
"""Beta(10, 10) is the spread of win rates under the alternative: most between 30 and 70 %."""
POWER_QUANTILE = 0.8416
"""Of the standard normal: further votes are reckoned so that they suffice in 80 % of cases."""
MOST_VOTES = 1_000_000


def evidence(wins: float, losses: float) -> float:
    """The natural logarithm of the ratio. `wins` and `losses` need not be whole numbers."""
    both = _log_beta(SPREAD + wins, SPREAD + losses) - _log_beta(SPREAD, SPREAD)
    return both + (wins + losses) * log(2)


def enough(share: float, votes: float) -> bool:
    """Whether a win rate of `share` in so many independent `votes` says who is ahead."""
    return evidence(share * votes, (1 - share) * votes) >= ENOUGH


def further_votes(share: float, votes: float) -> int | None:
    """How many more independent votes would say so, with a probability of 80 %, if `share` is the truth. None: more
    than a million; both are as good as equal."""
    better = max(share, 1 - share)

    def suffices(total: float) -> bool:
        unlucky = better - POWER_QUANTILE * sqrt(better * (1 - better) / total)
        return unlucky > 0.5 and enough(unlucky, total)

    low, high = 0.0, 16.0
    while not suffices(high):
        low, high = high, high * 2
        if high > MOST_VOTES:
            return None
    while high - low > 1:
        middle = (low + high) / 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return max(ceil(high - votes), 1)


def odds(strength: float) -> float:
    """The logistic function: a log-odds as a probability."""
    return 1 / (1 + exp(-strength)) if strength > -700 else 0.0


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
