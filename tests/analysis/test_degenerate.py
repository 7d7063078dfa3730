"""Degenerate intervals found, exact ones by hand, and how often they hold."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnbench.analysis.aggregates import interquartile_mean
from rnnbench.analysis.degenerate import exact_rate, improvement_interval, is_degenerate
from rnnbench.analysis.intervals import Interval
from tests.analysis.two_groups import INF, binomial_error


def test_a_bootstrap_of_runs_that_agree_is_degenerate():
    generator = np.random.default_rng(0)
    assert is_degenerate(interquartile_mean(np.ones((5, 2)), generator, resamples=50))
    assert not is_degenerate(improvement_interval(np.arange(5.0) + 9, np.arange(5.0)))
    assert not is_degenerate(interquartile_mean(np.arange(10.0).reshape(5, 2), generator, resamples=50))
    assert not is_degenerate(Interval(1.0))
    assert is_degenerate(Interval(INF, INF, INF))


@pytest.mark.parametrize(
    ("successes", "low", "high"), [(5, 0.4781762, 1), (3, 0.1466328, 0.9472551), (0, 0, 1 - 0.4781762)]
)
def test_exact_rate_agrees_with_the_beta_quantiles(successes, low, high):
    # All of five: low^5 = 0.025.
    result = exact_rate(np.arange(5) < successes)
    assert result.estimate == successes / 5
    assert (result.low, result.high) == pytest.approx((low, high), abs=1e-6)


def test_exact_rate_of_no_runs_is_nan():
    assert math.isnan(exact_rate(np.array([], dtype=bool)).estimate)


@pytest.mark.parametrize("runs", [3, 5, 10])
def test_exact_rate_holds_every_rate(runs):
    intervals = [exact_rate(np.arange(runs) < successes) for successes in range(runs + 1)]
    for rate in np.linspace(0, 1, 201):
        held = [interval.low <= rate <= interval.high for interval in intervals]
        assert stats.binom.pmf(np.arange(runs + 1)[held], runs, rate).sum() >= 0.95 - 1e-9


def test_improvement_by_hand():
    # All 25 pairs won: 25 (1 - p) = z^2 p (1 + 4 ((1 - p)/(2 - p) + p/(1 + p))); at p = 0.6427 both are 8.93.
    result = improvement_interval(np.arange(5.0) + 9, np.arange(5.0))
    assert result == Interval(1, pytest.approx(0.6427, abs=1e-4), 1)
    assert improvement_interval(np.arange(5.0), np.arange(5.0) + 9) == Interval(0, 0, pytest.approx(0.3573, abs=1e-4))
    # 1 of 4 pairs is a tie's two halves: (1 + 0.5 + 0.5) / 4.
    assert improvement_interval(np.array([1.0, 2]), np.array([1.0, 2])).estimate == 0.5
    assert improvement_interval(np.array([INF, 2]), np.array([1.0, INF])).estimate == pytest.approx((1 + 1 + 0.5) / 4)


def test_improvement_of_few_runs():
    assert math.isnan(improvement_interval(np.array([1.0]), np.array([2.0])).low)
    assert math.isnan(improvement_interval(np.array([]), np.array([2.0])).estimate)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0, 3.0])
def test_coverage_of_the_improvement(shift):
    generator = np.random.default_rng(1)
    truth = stats.norm.cdf(shift / math.sqrt(2))
    repeats, held = 600, 0
    for _ in range(repeats):
        result = improvement_interval(generator.normal(shift, 1, 5), generator.normal(0, 1, 5))
        held += result.low <= truth <= result.high
    assert held / repeats >= 0.94 - binomial_error(0.94, repeats)
