"""95 % intervals over simulated studies, fewer of them than `python -m tests.benchmarks.coverage` runs."""

import numpy as np
import pytest

from standings.bootstrap import bootstrap
from tests.benchmarks.coverage import (
    TERMS,
    USUAL,
    Design,
    alarms,
    alpha_coverage,
    coverage,
    effects_coverage,
    effects_limit,
    middle,
    strengths_coverage,
    study,
)

STUDIES = 400


@pytest.mark.parametrize("rate", [0.5, 0.64])
def test_the_headlines_interval_holds_the_truth_in_19_of_20_studies(rate: float) -> None:
    held = coverage(USUAL, rate, STUDIES, seed=3)
    assert 0.925 <= held["clustered"] <= 0.98
    # Taken as independent, votes promise more than they hold: that is why the headline does not use it.
    assert held["wilson"] < 0.91


def test_strengths_hold_the_truth_too() -> None:
    assert 0.92 <= strengths_coverage(STUDIES, seed=3) <= 0.985


def test_effects_hold_the_truth_too() -> None:
    held = effects_coverage(100, seed=3)
    assert len(held) == 4
    assert min(held.values()) >= 0.86  # 95 % and what 100 studies may be off


def test_with_ever_more_votes_tastes_pull_effects_towards_nothing() -> None:
    limit = effects_limit(np.random.default_rng(3))
    assert (limit > 0.7 * TERMS).all() and (limit < TERMS).all()


def test_alpha_holds_the_truth_too() -> None:
    assert alpha_coverage(USUAL, 200, seed=3) >= 0.88


def test_looking_again_and_again_fools_the_interval_but_not_the_rule() -> None:
    alone, ruled = alarms(Design(300, 100, 1, 0.0, 0.0), 60, range(20, 201, 10), seed=3)
    assert ruled <= 0.1 < alone


def test_where_all_votes_are_alike_the_bootstrap_claims_nothing() -> None:
    prompts, people = np.arange(12) % 6, np.arange(12) % 3
    assert bootstrap(np.ones(12), prompts, people) is None
    assert bootstrap(np.arange(12) % 2.0, prompts, people) is not None


def test_the_bootstrap_is_cautious() -> None:
    generator = np.random.default_rng(4)
    centre = middle(0.6, 1.04)
    held = []
    for _ in range(25):
        values, prompts, people = study(USUAL, centre, generator)
        found = bootstrap(values, prompts, people)
        assert found is not None
        held.append(found.low <= 0.6 <= found.high)
    assert np.mean(held) >= 0.92
