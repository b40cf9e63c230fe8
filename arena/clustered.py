"""How sure a mean over votes is when votes come in clusters: many on one prompt, many by one person.

Two-way cluster-robust variance (Cameron, Gelbach and Miller 2011, "Robust inference with multiway clustering",
doi:10.1198/jbes.2010.07136): clusters of prompts plus clusters of annotators minus what both count. Degrees of freedom
after Satterthwaite (1946). Intervals from these are made in standings/, where the t distribution is; `python -m
tests.benchmarks.coverage` measures how often they hold the truth.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.integer]

DOUBT = 0.4
"""Standard errors by which the annotators' own spread is taken to be larger than it looks. With a handful of annotators
its estimate is zero in half of all studies, whatever the truth; 0.4 was chosen by simulation."""


@dataclass(frozen=True)
class Meat:
    """The variance of a sum of scores (k numbers a vote), k x k, in two parts that add up: `prompts` (a vote's own
    noise and what votes on one prompt share) and `annotators` (what one person's votes share)."""

    prompts: Floats
    annotators: Floats
    prompt_freedom: int
    annotator_freedom: int

    def spread(self, bread: Floats) -> tuple[Floats, Floats]:
        """(variances, degrees of freedom) of k estimates whose derivative by the sum of scores is `bread`, k x k."""
        prompts = np.diag(bread @ self.prompts @ bread.T)
        annotators = np.diag(bread @ self.annotators @ bread.T)
        loss = prompts**2 / max(self.prompt_freedom, 1) + annotators**2 / max(self.annotator_freedom, 1)
        variance = prompts + annotators
        return variance, variance**2 / np.where(loss > 0, loss, 1.0)


def meat(scores: Floats, prompts: Codes, annotators: Codes) -> Meat:
    """`scores`: n x k, summing to zero; `prompts` and `annotators`: n codes from 0. One annotator alone has no spread
    that could be seen: what is told then is about this person's votes."""
    cells = _codes(prompts.astype(np.int64) * (int(annotators.max(initial=0)) + 1) + annotators)
    own, _ = _outer(scores, cells)
    by_prompt, prompt_count = _outer(scores, prompts)
    by_annotator, annotator_count = _outer(scores, annotators)
    shared = own + _positive(by_prompt - own) if prompt_count > 1 else own
    spread = np.zeros_like(own)
    if annotator_count > 1:
        # A variance that is estimated from k values has a standard error of sqrt(2 / (k - 1)) of it.
        doubt = min(DOUBT * np.sqrt(2 / (annotator_count - 1)), 1.0)
        spread = _positive(by_annotator - (1 - doubt) * own)
    free = prompt_count - 1 if prompt_count > 1 else len(scores) - 1
    return Meat(shared, spread, free, annotator_count - 1)


@dataclass(frozen=True)
class Mean:
    """A mean of 0 and 1 over `votes`, and the independent votes that would be as sure (`effective`)."""

    share: float
    votes: int
    prompts: int
    annotators: int
    effective: float
    freedom: float


def mean(values: Floats, prompts: Codes, annotators: Codes) -> Mean:
    """The share of ones among `values` (n, at least 1). All alike, they say nothing of their spread: each prompt then
    counts once."""
    votes = len(values)
    share = float(values.mean())
    counts = _count(prompts), _count(annotators)
    if share in (0.0, 1.0):
        return Mean(share, votes, *counts, float(counts[0]), max(counts[0] - 1.0, 1.0))
    found = meat(((values - share) / votes)[:, None], prompts, annotators)
    variance, freedom = found.spread(np.eye(1))
    effective = share * (1 - share) / float(variance[0])
    return Mean(share, votes, *counts, min(effective, votes), max(float(freedom[0]), 1.0))


def _outer(scores: Floats, clusters: Codes) -> tuple[Floats, int]:
    """(sum over clusters of the outer product of their score sums, with the usual G/(G-1); how many clusters)."""
    sums = np.stack([np.bincount(clusters, column) for column in scores.T], axis=1)
    count = _count(clusters)
    return np.asarray(sums.T @ sums * (count / max(count - 1, 1)), dtype=np.float64), count


def _count(codes: Codes) -> int:
    """How many different ones there are."""
    return int(np.count_nonzero(np.bincount(codes)))


def _codes(keys: NDArray[np.int64]) -> Codes:
    """Small codes for cells; a bincount over the keys themselves would be as long as prompts times annotators."""
    return np.unique(keys, return_inverse=True)[1]


def _positive(matrix: Floats) -> Floats:
    """The nearest matrix without negative variances."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)
