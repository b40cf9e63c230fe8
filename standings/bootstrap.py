"""The pigeonhole bootstrap: intervals by drawing prompts and annotators anew.

Owen (2007), "The pigeonhole bootstrap", doi:10.1214/07-AOAS122. It needs no formula for the spread, and it is cautious:
the noise of a single vote is counted up to three times, so its intervals are wider than 95 % asks for.
"""

import numpy as np
from scipy.sparse import csr_array

from arena.clustered import Codes, Floats
from arena.standings import Rate

REPLICATES = 1000
WORK = 20_000_000
"""Votes times replicates: of very many votes fewer replicates are drawn, but at least 200."""


def bootstrap(values: Floats, prompts: Codes, annotators: Codes, seed: int = 0) -> Rate | None:
    """The mean of `values` (n) with the 2.5 and 97.5 % points of its replicates. None below two prompts, where
    there is nothing to draw from, and where all values are alike: every replicate would say the same, as if nothing
    were in doubt."""
    if len(np.unique(values)) < 2 or len(np.unique(prompts)) < 2:
        return None
    low, high = np.quantile(resampled(values, prompts, annotators, seed), [0.025, 0.975])
    return Rate(float(values.mean()), float(low), float(high), len(values))


def resampled(values: Floats, prompts: Codes, annotators: Codes, seed: int = 0) -> Floats:
    """Means of `values` in replicates. Prompts and annotators are drawn with replacement, and a vote counts as often as
    its prompt was drawn times as often as its annotator was. Replicates without any vote are left out."""
    generator = np.random.default_rng(seed)
    (_, rows), (_, columns) = (np.unique(codes, return_inverse=True) for codes in (prompts, annotators))
    people, asked = int(columns.max()) + 1, int(rows.max()) + 1
    wins, votes = (csr_array((each, (columns, rows)), (people, asked)) for each in (values, np.ones(len(values))))
    means = []
    for _ in range(int(np.clip(WORK // len(values), 200, REPLICATES))):
        drawn, chosen = _drawn(generator, asked), _drawn(generator, people)
        if total := chosen @ (votes @ drawn):
            means.append((chosen @ (wins @ drawn)) / total)
    return np.array(means)


def _drawn(generator: np.random.Generator, count: int) -> Floats:
    """How often each of `count` was drawn, in as many draws."""
    return np.bincount(generator.integers(count, size=count), minlength=count).astype(np.float64)
