"""Evidence that stays right at every look."""

from math import log

import numpy as np
import pytest

from arena import sequential


def test_evidence_is_the_ratio_of_the_two_explanations() -> None:
    # The integral of p^7 (1-p)^3 under Beta(10, 10), against one half to the tenth.
    p = np.linspace(0, 1, 200_001)
    density = p**9 * (1 - p) ** 9
    ratio = np.trapezoid(density * p**7 * (1 - p) ** 3, p) / np.trapezoid(density, p) / 0.5**10
    assert sequential.evidence(7, 3) == pytest.approx(log(ratio), abs=1e-6)


def test_no_votes_are_no_evidence() -> None:
    assert sequential.evidence(0, 0) == pytest.approx(0.0)


def test_64_percent_of_120_votes_is_enough_and_of_60_is_not() -> None:
    assert sequential.enough(0.64, 120) and not sequential.enough(0.64, 60)


def test_looking_after_every_vote_is_fooled_in_at_most_one_study_of_twenty() -> None:
    generator = np.random.default_rng(11)
    fooled = 0
    for _ in range(300):
        wins = np.cumsum(generator.random(400) < 0.5)
        fooled += any(sequential.enough(wins[n - 1] / n, n) for n in range(1, 401))
    assert fooled / 300 <= 0.08  # 5 % and what 300 studies may be off


@pytest.mark.parametrize("rate", [0.57, 0.65, 0.3])
def test_the_votes_that_are_asked_for_suffice_in_four_of_five_studies(rate: float) -> None:
    votes = sequential.further_votes(rate, 0.0)
    assert votes is not None
    shares = np.random.default_rng(4).binomial(votes, rate, 4000) / votes
    suffices = np.mean([sequential.enough(share, votes) for share in shares])
    assert suffices == pytest.approx(0.8, abs=0.05)


def test_what_is_there_already_need_not_be_cast_again() -> None:
    fresh, later = sequential.further_votes(0.6, 0.0), sequential.further_votes(0.6, 100.0)
    assert fresh is not None and later == pytest.approx(fresh - 100, abs=1)


def test_no_number_of_votes_tells_equals_apart() -> None:
    assert sequential.further_votes(0.5, 100.0) is None
