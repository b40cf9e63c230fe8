"""How much of a figure is luck: the same training from several seeds, each of which orders the samples otherwise.

Does not train: the command does, and every run leaves its figures beside its adapter (figures.py).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from scipy.stats import t

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Spread:
    """Shares, 0 to 1, that runs reached: their mean and its 95% interval by Student's t, which takes the runs for a
    sample of all seeds; everything is possible after one run."""

    shares: tuple[float, ...]

    @property
    def mean(self) -> float:
        return mean(self.shares)

    @property
    def interval(self) -> tuple[float, float]:
        runs = len(self.shares)
        if runs < 2:
            return 0.0, 1.0
        half = float(t.ppf((1 + CONFIDENCE) / 2, runs - 1)) * stdev(self.shares) / math.sqrt(runs)
        return max(0.0, self.mean - half), min(1.0, self.mean + half)

    def __str__(self) -> str:
        low, high = self.interval
        each = ", ".join(f"{share:.1%}" for share in self.shares)
        return f"{self.mean:.1%} ({low:.1%} to {high:.1%}; {len(self.shares)} runs: {each})"


def spreads(runs: Sequence[Mapping[str, tuple[int, int]]]) -> dict[str, Spread]:
    """By name of the figure, over the runs that have it; what nobody was asked is left out."""
    names = dict.fromkeys(name for run in runs for name in run)
    shares = {name: tuple(run[name][0] / run[name][1] for run in runs if run.get(name, (0, 0))[1]) for name in names}
    return {name: Spread(found) for name, found in shares.items() if found}
