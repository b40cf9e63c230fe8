"""What moves votes besides the contestant: side, length, citations. A logistic model of decided votes.

logit P(first preferred) = b0 + b1 side + b2 log2(length ratio) + b3 more citations; the first contestant's side is +1
or -1, so that b0 is the preference on even terms. Lengths and citations are those on the screen, so that pairs made
alike, half of those in the queue, tell form from content. Standard errors are clustered by prompt and annotator
(statsmodels, after Cameron, Gelbach and Miller 2011); where that has no variance left to give, by prompt alone.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as students_t
from statsmodels.discrete.discrete_model import Logit

from arena.judgements import Judgements
from arena.standings import Effect
from standings.intervals import logistic_rate

EVEN = "On even terms"
SIDE = "Standing on the left"
LENGTH = "Twice the length"
CITATIONS = "Showing more citations"
SMALLEST_ERROR = 1e-6
"""Below it the votes cancel out within every cluster, and the formula promises certainty."""
FEWEST_VOTES = 30
"""Decided votes below which four coefficients would be noise."""


@dataclass(frozen=True)
class Fitted:
    """Estimates and two-way clustered standard errors, by column."""

    estimates: NDArray[np.float64]
    errors: NDArray[np.float64]
    freedom: float


def effects(decided: Judgements, first: int) -> list[Effect]:
    """`decided`: votes of one pair, each for one of them; `first`: whose preference is modelled."""
    votes = len(decided)
    if votes < FEWEST_VOTES:
        return [Effect(EVEN, None, note=f"{votes} decided votes; the model wants {FEWEST_VOTES}")]
    columns = terms(decided, first)
    varied = {name: column for name, column in columns.items() if name == EVEN or column.std() > 0}
    fitted = _fit((decided.winner == first).astype(float), varied, decided)
    if fitted is None:
        return [Effect(EVEN, None, note="the votes are too one-sided for a model")]
    found = []
    for name in columns:
        if name not in varied:
            found.append(Effect(name, None, note="does not vary in these votes"))
            continue
        place = list(varied).index(name)
        estimate, error = float(fitted.estimates[place]), float(fitted.errors[place])
        rate = logistic_rate(estimate, error, fitted.freedom, votes)
        found.append(Effect(name, rate, _p(estimate / error, fitted.freedom)))
    return found


def terms(decided: Judgements, first: int) -> dict[str, NDArray[np.float64]]:
    """The model's columns by name, a value for each vote."""
    sign = np.where(decided.left == first, 1.0, -1.0)
    ratio = np.log2((decided.left_length + 1) / (decided.right_length + 1))
    cited = np.sign(decided.left_citations - decided.right_citations)
    return {EVEN: np.ones(len(decided)), SIDE: sign, LENGTH: sign * ratio, CITATIONS: sign * cited}


def _fit(preferred: NDArray[np.float64], columns: dict[str, NDArray[np.float64]], votes: Judgements) -> Fitted | None:
    design = np.column_stack(list(columns.values()))
    if np.linalg.matrix_rank(design) < design.shape[1] or preferred.std() == 0:
        return None
    groups = np.column_stack([np.unique(codes, return_inverse=True)[1] for codes in (votes.prompt, votes.annotator)])
    freedom = float(max(min(groups.max(axis=0)), 1))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            model = Logit(preferred, design)
            for chosen in (groups, groups[:, 0]):
                result = model.fit(disp=0, maxiter=50, cov_type="cluster", cov_kwds={"groups": chosen})
                if (
                    result.mle_retvals["converged"]
                    and np.isfinite(result.bse).all()
                    and result.bse.min() > SMALLEST_ERROR
                    and np.abs(result.params).max() < 15
                ):
                    return Fitted(np.asarray(result.params), np.asarray(result.bse), freedom)
        except (np.linalg.LinAlgError, ValueError, ZeroDivisionError):
            return None
    return None


def _p(ratio: float, freedom: float) -> float:
    return float(2 * students_t.sf(abs(ratio), freedom))
