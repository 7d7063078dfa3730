"""Means, medians, rates and probabilities against hand-computed cases, and how often their intervals hold."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnbench.analysis.intervals import (
    Interval,
    exact_rate,
    improvement_interval,
    mean_interval,
    median_interval,
)
from tests.analysis.made import INF, binomial_error


def test_mean_interval_by_hand():
    # Mean 2, s = 1, standard error 1/sqrt(3) = 0.577350; t(0.975; 2) = 4.302653 in the tables; margin 2.484138.
    result = mean_interval(np.array([1.0, 2.0, 3.0]))
    assert (result.estimate, result.low, result.high) == pytest.approx((2, -0.484138, 4.484138), abs=1e-6)
    assert mean_interval(np.full(4, 0.5)) == Interval(0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # Nine runs: P(Binomial(9, 1/2) <= 1) = 10/512 = 0.0195 <= 0.025 < 46/512 = P(... <= 2): the second of each end.
        ([90, 10, 80, 20, 70, 30, 60, 40, 50], Interval(50, 20, 80)),
        # Six runs: 1/64 = 0.0156 <= 0.025 < 7/64: the range. The median is halfway between the third and the fourth.
        ([1, 2, 3, 5, 8, 13], Interval(4, 1, 13)),
        ([5, 1, 4, 2, 3], Interval(3, 1, 5)),
        ([1, 2, 3, 4, INF, INF], Interval(3.5, 1, INF)),
        ([1, 2, INF, INF, INF, INF], Interval(INF, 1, INF)),
        ([INF] * 6, Interval(INF, INF, INF)),
    ],
)
def test_median_interval_by_hand(values, expected):
    assert median_interval(np.array(values, dtype=float)) == expected
    flipped = median_interval(-np.array(values, dtype=float))
    assert flipped == Interval(-expected.estimate, -expected.high, -expected.low)


def test_few_runs_have_an_estimate_and_no_bounds():
    for statistic in (mean_interval, median_interval):
        one, none = statistic(np.array([7.0])), statistic(np.array([]))
        assert one.estimate == 7
        assert all(map(math.isnan, (one.low, one.high, none.estimate, none.low, none.high)))
    four = median_interval(np.array([1, 2, 3, 4.0]))
    assert four.estimate == 2.5
    assert math.isnan(four.low)


@pytest.mark.parametrize(
    ("successes", "low", "high"), [(5, 0.4781762, 1), (3, 0.1466328, 0.9472551), (0, 0, 1 - 0.4781762)]
)
def test_exact_rate_agrees_with_the_beta_quantiles(successes, low, high):
    # All of five: low^5 = 0.025.
    result = exact_rate(np.arange(5) < successes)
    assert (result.estimate, result.low, result.high) == pytest.approx((successes / 5, low, high), abs=1e-6)
    assert math.isnan(exact_rate(np.array([], dtype=bool)).estimate)


def test_improvement_by_hand():
    # All 25 pairs won: 25 (1 - p) = z^2 p (1 + 4 ((1 - p)/(2 - p) + p/(1 + p))); at p = 0.6427 both are 8.93.
    result = improvement_interval(np.arange(5.0) + 9, np.arange(5.0))
    assert result == Interval(1, pytest.approx(0.6427, abs=1e-4), 1)
    assert improvement_interval(np.arange(5.0), np.arange(5.0) + 9) == Interval(0, 0, pytest.approx(0.3573, abs=1e-4))
    # 1 of 4 pairs is a tie's two halves: (1 + 0.5 + 0.5) / 4.
    assert improvement_interval(np.array([1.0, 2]), np.array([1.0, 2])).estimate == 0.5
    assert improvement_interval(np.array([INF, 2]), np.array([1.0, INF])).estimate == pytest.approx((1 + 1 + 0.5) / 4)
    assert math.isnan(improvement_interval(np.array([1.0]), np.array([2.0])).low)
    assert math.isnan(improvement_interval(np.array([]), np.array([2.0])).estimate)


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_coverage_of_the_improvement(shift):
    generator = np.random.default_rng(1)
    intervals = [improvement_interval(generator.normal(shift, 1, 5), generator.normal(0, 1, 5)) for _ in range(400)]
    truth = float(stats.norm.cdf(shift / math.sqrt(2)))
    share = sum(each.low <= truth <= each.high for each in intervals) / 400
    assert share >= 0.94 - binomial_error(0.94, 400)
