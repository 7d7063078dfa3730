"""Scores over runs and tasks against hand-computed cases, and the bootstrap's coverage by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnbench.analysis.aggregates import interquartile_mean, normalised_score, performance_profile
from rnnbench.analysis.intervals import Interval


def binomial_error(fraction: float, repeats: int) -> float:
    """Three standard errors of a simulated fraction."""
    return 3 * math.sqrt(fraction * (1 - fraction) / repeats)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_normalised_score_by_hand():
    # 1 - 0.05/0.2 = 0.75; at the baseline 0; 10% worse -0.1; twice and more -1; no loss 1; diverged -1.
    losses = np.array([0.05, 0.2, 0.22, 0.9, 0.0, math.nan, math.inf])
    np.testing.assert_allclose(normalised_score(losses, 0.2), [0.75, 0, -0.1, -1, 1, -1, -1], atol=1e-15)


def test_a_model_without_memory_scores_0_on_average():
    """Its losses lie around the baseline; cut off at 0, the mean of its scores would be 0.04 above."""
    losses = 0.2 * (1 + 0.1 * generator().standard_normal(20_000))
    assert abs(normalised_score(losses, 0.2).mean()) < 0.003
    assert np.maximum(normalised_score(losses, 0.2), 0).mean() == pytest.approx(0.1 / math.sqrt(2 * math.pi), abs=2e-3)


def test_normalised_score_takes_a_baseline_per_task():
    np.testing.assert_allclose(normalised_score([[1.0, 1.0], [2.0, 3.0]], [2.0, 4.0]), [[0.5, 0.75], [0, 0.25]])
    assert normalised_score(1.0, 4.0) == 0.75


def test_interquartile_mean_by_hand():
    # Of 0, .1, .2, .3, .4, .5, .6, 1 two are cut at each end: (.2 + .3 + .4 + .5) / 4.
    scores = np.array([[0.0, 0.4], [0.1, 0.5], [0.2, 0.6], [0.3, 1.0]])
    assert interquartile_mean(scores, generator()).estimate == pytest.approx(0.35, abs=1e-15)


def test_interquartile_mean_cuts_whole_scores():
    # floor(6/4) = 1 is cut at each end: (1 + 2 + 3 + 4) / 4. Of three scores none: (0 + 0 + 9) / 3.
    assert interquartile_mean(np.array([[0, 1, 2], [3, 4, 99.0]]), generator()).estimate == 2.5
    assert interquartile_mean(np.array([[0.0], [0.0], [9.0]]), generator()).estimate == 3


def test_interquartile_mean_bounds_by_hand():
    # Two runs of one task, 0 and 1: a resample has mean 0, 1/2, 1 with probability 1/4, 1/2, 1/4.
    assert interquartile_mean(np.array([[0.0], [1.0]]), generator()) == Interval(0.5, 0, 1)


def test_the_bootstrap_resamples_within_tasks():
    # Each task always scores the same, so no resample differs; pooled resampling would mix the two.
    assert interquartile_mean(np.array([[0.0, 1.0]] * 4), generator()) == Interval(0.5, 0.5, 0.5)


def test_performance_profile_by_hand():
    # Of 0, .2, .5, 1: above 0 are three, above .2 two (strictly), above .7 one, above 1 none.
    scores = np.array([[0.0, 0.2], [0.5, 1.0]])
    profile = performance_profile(scores, np.array([0.0, 0.2, 0.7, 1.0]), generator())
    assert list(profile.columns) == ["threshold", "estimate", "low", "high"]
    assert profile["threshold"].tolist() == [0.0, 0.2, 0.7, 1.0]
    assert profile["estimate"].tolist() == [0.75, 0.5, 0.25, 0.0]
    # Above 0.2 in a resample: of the first column 0, 1 or 2 and of the second 0, 1 or 2 runs, each with probability
    # 1/4, 1/2, 1/4, so none and all have 1/16. Above 0.7 are 0, 1 or 2 of the second column alone.
    assert profile["low"].tolist() == [0.5, 0.0, 0.0, 0.0]
    assert profile["high"].tolist() == [1.0, 1.0, 0.5, 0.0]


def test_one_run_has_an_estimate_and_no_bounds():
    one = np.array([[0.25, 0.75]])
    result = interquartile_mean(one, generator())
    assert result.estimate == 0.5
    assert math.isnan(result.low)
    assert math.isnan(result.high)
    profile = performance_profile(one, np.array([0.5]), generator())
    assert profile["estimate"].tolist() == [0.5]
    assert profile[["low", "high"]].isna().all(axis=None)


def test_no_runs_are_nan():
    none, two = np.empty((0, 2)), np.zeros((2, 2))
    assert math.isnan(interquartile_mean(none, generator()).estimate)
    profile = performance_profile(none, np.array([0.5, 0.7]), generator())
    assert profile["threshold"].tolist() == [0.5, 0.7]
    assert profile[["estimate", "low", "high"]].isna().all(axis=None)
    assert performance_profile(two, np.array([]), generator()).empty


def test_the_same_seed_gives_the_same_numbers():
    scores = generator(2).random((5, 3))
    thresholds = np.linspace(0, 1, 5)
    for seed in (4, 5):
        assert interquartile_mean(scores, generator(seed)) == interquartile_mean(scores, generator(seed))
        assert performance_profile(scores, thresholds, generator(seed)).equals(
            performance_profile(scores, thresholds, generator(seed))
        )
    assert interquartile_mean(scores, generator(4)) != interquartile_mean(scores, generator(5))


# Resampling n runs has (n - 1)/n of the true variance, and 4 (n - 1) degrees of freedom in four tasks: expected is
# P(|t| <= 1.96 sqrt((n - 1)/n)), 90.1% at five runs and 94.0% at twenty.
@pytest.mark.parametrize("runs", [5, pytest.param(20, marks=pytest.mark.long)])
def test_coverage_of_the_interquartile_mean(runs):
    source, repeats, covered = generator(31), 800, 0
    for _ in range(repeats):
        result = interquartile_mean(source.random((runs, 4)), source, resamples=400)
        covered += result.low <= 0.5 <= result.high
    expected = 1 - 2 * stats.t.sf(1.96 * math.sqrt((runs - 1) / runs), 4 * (runs - 1))
    assert covered / repeats == pytest.approx(expected, abs=binomial_error(expected, repeats))


def test_coverage_of_the_performance_profile():
    # Half of uniform scores are above 0.5, three quarters above 0.25.
    source, repeats, covered = generator(33), 400, np.zeros(2)
    for _ in range(repeats):
        profile = performance_profile(source.random((10, 4)), np.array([0.5, 0.25]), source, resamples=400)
        covered += (profile["low"] <= [0.5, 0.75]) & (profile["high"] >= [0.5, 0.75])
    # Shares come in fortieths, and a bound on the fraction itself counts as covered: up to 4% above nominal.
    assert np.all(covered / repeats >= 0.93 - binomial_error(0.93, repeats))
    assert np.all(covered / repeats <= 0.99)
