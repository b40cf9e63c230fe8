"""Bradley-Terry against Agresti's baseball data: Categorical Data Analysis, American League 1987; estimates and
standard errors as the R package BradleyTerry2 prints them (Turner and Firth 2012, doi:10.18637/jss.v048.i09,
baseballModel1)."""

import numpy as np
import pytest

from arena import bradley_terry

TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WINS = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ],
    dtype=float,
)
PUBLISHED = (1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0)
ERRORS = (0.3433, 0.3396, 0.3367, 0.3359, 0.3339, 0.3319)


def votes(wins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(winners, losers), one entry a game."""
    pairs = [(i, j) for i, j in np.ndindex(wins.shape) for _ in range(int(wins[i, j]))]
    winners, losers = np.array(pairs).T
    return winners, losers


def test_strengths_are_those_published_for_baseball() -> None:
    found = bradley_terry.fit(WINS)
    assert found - found[-1] == pytest.approx(PUBLISHED, abs=5e-5)


def test_errors_are_those_published_for_baseball() -> None:
    covariance = bradley_terry.errors(WINS, bradley_terry.fit(WINS))
    against_baltimore = [covariance[i, i] + covariance[6, 6] - 2 * covariance[i, 6] for i in range(6)]
    assert np.sqrt(against_baltimore) == pytest.approx(ERRORS, abs=5e-5)


def test_of_two_contestants_it_is_the_logit_of_the_win_rate() -> None:
    found = bradley_terry.fit(np.array([[0.0, 30.0], [10.0, 0.0]]))
    assert found[0] - found[1] == pytest.approx(np.log(3))


def test_games_that_share_nothing_have_about_the_errors_of_independent_ones() -> None:
    winners, losers = votes(WINS)
    games = np.arange(len(winners))
    found = bradley_terry.strengths(winners, losers, np.ones(len(games)), games, games % 40, 7)
    independent = np.sqrt(np.diag(bradley_terry.errors(WINS, bradley_terry.fit(WINS))))
    assert found is not None
    assert found.errors == pytest.approx(independent, rel=0.35)


def test_a_tie_is_half_a_win_whichever_side_is_named_first() -> None:
    winners, losers = np.array([0, 0, 1, 0]), np.array([1, 1, 0, 1])
    weights = np.array([1.0, 1.0, 1.0, 0.5])
    one = bradley_terry.strengths(winners, losers, weights, np.arange(4), np.arange(4), 2)
    turned = bradley_terry.strengths(
        np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]), weights, np.arange(4), np.arange(4), 2
    )
    assert one is not None and turned is not None
    assert one.strengths == pytest.approx(turned.strengths)
    assert one.strengths[0] - one.strengths[1] == pytest.approx(np.log(2.5 / 1.5))
    assert one.errors == pytest.approx(turned.errors)


def test_somebody_undefeated_gets_a_finite_strength_and_it_is_said() -> None:
    winners, losers = np.array([0] * 10 + [1, 2] * 3), np.array([1, 2] * 5 + [2, 1] * 3)
    found = bradley_terry.strengths(winners, losers, np.ones(16), np.arange(16), np.arange(16), 3)
    assert found is not None and found.helped
    assert np.isfinite(found.strengths).all() and np.argmax(found.strengths) == 0


def test_contestants_that_never_met_have_no_common_scale() -> None:
    winners, losers = np.array([0, 1, 2, 3]), np.array([1, 0, 3, 2])
    assert bradley_terry.strengths(winners, losers, np.ones(4), np.arange(4), np.arange(4), 4) is None
