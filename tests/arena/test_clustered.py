"""Means of clustered votes: what counts is how many votes there are in effect."""

import numpy as np
import pytest
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.sandwich_covariance import cov_cluster, cov_cluster_2groups

from arena import clustered


def test_the_parts_are_those_of_statsmodels_for_a_mean() -> None:
    # Both multiply each part by G / (G - 1); (n - 1) / (n - k) is 1, as a mean is one coefficient. statsmodels' two-way
    # errors are tested against Petersen's published ones.
    values = np.array([1, 1, 1, 1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 1, 1], dtype=float)
    prompts, people = np.append(np.repeat(np.arange(6), 3), [0, 5]), np.append(np.tile(np.arange(3), 6), [0, 0])
    cells = prompts * 3 + people
    fitted = OLS(values, np.ones(20)).fit()
    both, by_prompt, by_person = cov_cluster_2groups(fitted, prompts, people)
    scores = ((values - values.mean()) / 20)[:, None]
    parts = [clustered._outer(scores, codes)[0] for codes in (prompts, people, cells)]
    assert [float(part[0, 0]) for part in parts[:2]] == pytest.approx([float(by_prompt[0, 0]), float(by_person[0, 0])])
    assert parts[0] + parts[1] - parts[2] == pytest.approx(both)
    # What is used adds some of the votes' own variance, as few people's spread is hardly to be seen: here 0.4 of it.
    used = clustered.meat(scores, prompts, people)
    assert used.prompts + used.annotators == pytest.approx(both + clustered.DOUBT * cov_cluster(fitted, cells))


def test_votes_that_share_nothing_are_as_sure_as_independent_ones() -> None:
    generator = np.random.default_rng(2)
    values = (generator.random(3000) < 0.6).astype(float)
    found = clustered.mean(values, np.arange(3000), np.arange(3000))
    assert found.effective == pytest.approx(3000, rel=0.15)


def test_ten_copies_of_each_vote_are_no_surer_than_one() -> None:
    generator = np.random.default_rng(3)
    values = (generator.random(200) < 0.6).astype(float)
    prompts, people = np.arange(200), np.arange(200) % 7
    one = clustered.mean(values, prompts, people)
    copied = clustered.mean(*(np.repeat(each, 10) for each in (values, prompts, people)))
    assert copied.effective == pytest.approx(one.effective, rel=0.02)
    assert (copied.votes, copied.prompts, copied.annotators) == (2000, 200, 7)


def test_people_who_each_always_say_the_same_are_as_many_votes_as_people() -> None:
    people = np.repeat(np.arange(10), 50)
    found = clustered.mean((people < 5).astype(float), np.tile(np.arange(50), 10), people)
    assert found.effective < 12 and found.freedom < 12


def test_unanimous_votes_count_once_for_each_prompt() -> None:
    found = clustered.mean(np.ones(60), np.repeat(np.arange(20), 3), np.tile(np.arange(3), 20))
    assert (found.share, found.effective) == (1.0, 20.0)


def test_effective_votes_are_never_more_than_there_are() -> None:
    # Perfectly balanced within each prompt: clusters cancel out, and the formula alone would promise certainty.
    found = clustered.mean(np.tile([0.0, 1.0], 50), np.repeat(np.arange(50), 2), np.tile([0, 1], 50))
    assert found.effective <= 100
