"""Bradley and Terry (1952): a strength for each contestant from who was preferred to whom, P(a over b) = s(θa - θb).

A tie counts as half a win for each. With two contestants this is the logit of the win rate and adds nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.clustered import Codes, Floats, meat

STEPS = 100
HALF_A_WIN = 0.5


@dataclass(frozen=True)
class Strengths:
    """θ of each contestant against their mean (natural logarithm), its standard error and degrees of freedom. `helped`:
    somebody never lost, or never won, against the others, which would make a strength infinite; half a win each way was
    added for each pair that met."""

    strengths: Floats
    errors: Floats
    freedom: Floats
    helped: bool


def fit(wins: Floats) -> Floats:
    """θ, centred, from `wins[i, j]`: how often i was preferred to j. By Newton's method; the likelihood is concave.
    Wants a table in which nobody is undefeated (`connected`)."""
    met = wins + wins.T
    strengths = np.zeros(len(wins))
    for _ in range(STEPS):
        chances = _chances(strengths)
        gradient = wins.sum(axis=1) - (met * chances).sum(axis=1)
        step = _inverse(_information(met, chances)) @ gradient
        strengths = strengths + step
        if np.abs(step).max() < 1e-10:
            break
    return np.asarray(strengths - strengths.mean(), dtype=np.float64)


def errors(wins: Floats, strengths: Floats) -> NDArray[np.float64]:
    """The covariance of θ (centred) were all votes independent."""
    return _inverse(_information(wins + wins.T, _chances(strengths)))


def connected(wins: Floats) -> bool:
    """Whether everybody can be reached from everybody by wins: only then is there a finite answer (Ford 1957)."""
    reach = (wins > 0) | np.eye(len(wins), dtype=bool)
    for _ in range(len(wins)):
        reach = reach @ reach
    return bool(reach.all())


def strengths(
    winners: Codes, losers: Codes, weights: Floats, prompts: Codes, annotators: Codes, contestants: int
) -> Strengths | None:
    """From single votes (n each): `weights` 1 for a preference, and ½ for a tie, whose sides may stand either way.
    Errors are clustered by prompt and annotator. None when some contestants never met, not even through others."""
    wins = np.zeros((contestants, contestants))
    np.add.at(wins, (winners, losers), weights)
    tied = weights == HALF_A_WIN
    np.add.at(wins, (losers[tied], winners[tied]), HALF_A_WIN)
    met = ((wins + wins.T) > 0).astype(float)
    if not connected(met):
        return None
    helped = not connected(wins)
    if helped:
        wins = wins + HALF_A_WIN * met
    found = fit(wins)
    chance = 1 / (1 + np.exp(found[losers] - found[winners]))
    scores = np.zeros((len(winners), contestants))
    surprise = weights - chance
    rows = np.arange(len(winners))
    scores[rows, winners] = surprise
    scores[rows, losers] = -surprise
    variance, freedom = meat(scores, prompts, annotators).spread(errors(wins, found))
    return Strengths(found, np.sqrt(variance), freedom, helped)


def _chances(strengths: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(strengths[None, :] - strengths[:, None])))


def _information(met: Floats, chances: Floats) -> Floats:
    weights = met * chances * (1 - chances)
    return np.asarray(np.diag(weights.sum(axis=1)) - weights)


def _inverse(information: Floats) -> Floats:
    """Its rows sum to zero, as only differences count: the inverse on what is orthogonal to a common shift."""
    return np.asarray(np.linalg.pinv(information, hermitian=True))
