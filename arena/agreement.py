"""Krippendorff's alpha for nominal data, any number of observers, missing values allowed.

Klaus Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section D. 1 is perfect agreement, 0 what
chance would bring; below 0.667 he draws no conclusions, from 0.8 on firm ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """`error` is alpha's standard error over units; `units` were judged at least twice, by `values` judgements."""

    alpha: float
    error: float
    units: int
    values: int


def krippendorff(counts: NDArray[np.integer]) -> Agreement | None:
    """`counts`: units x categories, how often each unit was put into each category. None where nothing can be said:
    no unit was judged twice, or all judgements are the same.

    The standard error is the delta method's, units being independent: alpha is a function of sums over units.
    """
    pairable = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    if not len(pairable):
        return None
    sizes = pairable.sum(axis=1)
    disagreements = (sizes**2 - (pairable**2).sum(axis=1)) / (sizes - 1)
    values, found, categories = sizes.sum(), disagreements.sum(), pairable.sum(axis=0)
    expected = values**2 - (categories**2).sum()
    if expected == 0:
        return None
    ratio = (values - 1) * found / expected
    change = 2 * values * sizes - 2 * pairable @ categories
    influence = found / expected * sizes + (values - 1) / expected * disagreements - ratio / expected * change
    units = len(pairable)
    error = float(np.sqrt(influence.var(ddof=1) * units)) if units > 1 else float("nan")
    return Agreement(float(1 - ratio), error, units, int(values))
