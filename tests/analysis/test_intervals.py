"""Means, medians, paired differences and quartiles against hand-computed cases, and how often their intervals hold."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rnnbench.analysis.intervals import Interval, mean_interval, median_interval, paired_difference, quartiles

INF = math.inf


def covered_share(interval: Callable[[], Interval], truth: float, repeats: int) -> float:
    intervals = (interval() for _ in range(repeats))
    return sum(each.low <= truth <= each.high for each in intervals) / repeats


def binomial_error(share: float, repeats: int) -> float:
    """Three standard errors of a simulated share."""
    return 3 * math.sqrt(share * (1 - share) / repeats)


def test_mean_interval_by_hand():
    # Mean 2, s = 1, standard error 1/sqrt(3) = 0.577350; t(0.975; 2) = 4.302653 in the tables; margin 2.484138.
    result = mean_interval(np.array([1.0, 2.0, 3.0]))
    assert result.estimate == 2
    assert result.low == pytest.approx(-0.484138, abs=1e-6)
    assert result.high == pytest.approx(4.484138, abs=1e-6)


def test_mean_interval_of_equal_values_has_no_width():
    assert mean_interval(np.full(4, 0.5)) == Interval(0.5, 0.5, 0.5)


def test_median_interval_by_hand():
    # Nine runs: P(Binomial(9, 1/2) <= 1) = 10/512 = 0.0195 <= 0.025 < 46/512 = P(... <= 2): the second of each end.
    assert median_interval(np.array([90, 10, 80, 20, 70, 30, 60, 40, 50.0])) == Interval(50, 20, 80)
    # Six runs: 1/64 = 0.0156 <= 0.025 < 7/64: the range. The median is halfway between the third and the fourth.
    assert median_interval(np.array([1, 2, 3, 5, 8, 13.0])) == Interval(4, 1, 13)


def test_median_interval_of_five_runs_is_their_range():
    assert median_interval(np.array([5, 1, 4, 2, 3.0])) == Interval(3, 1, 5)


def test_median_interval_carries_infinite_half_lives():
    assert median_interval(np.array([1, 2, 3, 4, INF, INF])) == Interval(3.5, 1, INF)
    assert median_interval(np.array([1, 2, INF, INF, INF, INF])) == Interval(INF, 1, INF)
    assert median_interval(np.full(6, INF)) == Interval(INF, INF, INF)


@pytest.mark.parametrize("statistic", [mean_interval, median_interval])
def test_one_run_has_an_estimate_and_no_bounds(statistic):
    result = statistic(np.array([7.0]))
    assert result.estimate == 7
    assert math.isnan(result.low)
    assert math.isnan(result.high)


def test_four_runs_do_not_bound_a_median():
    result = median_interval(np.array([1, 2, 3, 4.0]))
    assert result.estimate == 2.5
    assert math.isnan(result.low)
    assert math.isnan(result.high)


@pytest.mark.parametrize("statistic", [mean_interval, median_interval])
def test_no_runs_are_nan(statistic):
    result = statistic(np.array([]))
    assert all(math.isnan(bound) for bound in (result.estimate, result.low, result.high))


def test_paired_difference_by_hand():
    # Shared seeds 1, 2, 3; differences 3-2, 5-3, 6-3 = 1, 2, 3, whatever the order: the case of the mean above.
    a = pd.Series([5.0, 3.0, 6.0, 100.0], index=[2, 1, 3, 9])
    b = pd.Series([2.0, 3.0, 3.0], index=[1, 2, 3])
    result = paired_difference(a, b)
    assert result.estimate == 2
    assert result.low == pytest.approx(-0.484138, abs=1e-6)
    assert result.high == pytest.approx(4.484138, abs=1e-6)


def test_paired_difference_is_that_of_the_paired_t_test():
    generator = np.random.default_rng(0)
    a, b = pd.Series(generator.normal(size=8)), pd.Series(generator.normal(size=8))
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    result = paired_difference(a, b)
    assert (result.low, result.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_paired_difference_with_one_and_no_shared_seed():
    a, b = pd.Series([1.0, 2.0], index=[0, 1]), pd.Series([5.0, 6.0], index=[1, 2])
    one = paired_difference(a, b)
    assert one.estimate == -3
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert math.isnan(paired_difference(a, b.loc[[2]]).estimate)


def test_quartiles_by_hand():
    # Positions 0.25 * 3 = 0.75, 1.5 and 2.25 between the ordered 1, 2, 4, 8.
    assert quartiles(np.array([8, 1, 4, 2.0])) == (1.75, 3, 5)
    assert quartiles(np.array([3.0])) == (3, 3, 3)
    assert all(map(math.isnan, quartiles(np.array([]))))


def test_quartiles_with_infinite_values():
    assert quartiles(np.array([1, 2, INF, INF])) == (1.75, INF, INF)
    assert quartiles(np.array([1, 2, 3, 4, INF])) == (2, 3, 4)


def test_students_interval_covers_95_percent_of_five_normal_pairs():
    generator = np.random.default_rng(11)

    def draw() -> Interval:
        return paired_difference(pd.Series(generator.normal(1, 2, 5)), pd.Series(generator.normal(0, 1, 5)))

    assert covered_share(draw, truth=1, repeats=2000) == pytest.approx(0.95, abs=binomial_error(0.95, 2000))


def test_the_percentile_bootstrap_of_five_values_would_not():
    # Its half-width is about 1.96 sqrt(4/5) s/sqrt(5), so that it covers P(|t_4| <= 1.753) = 84.5%: why it is not used.
    generator = np.random.default_rng(12)

    def draw() -> Interval:
        sample = (generator.normal(size=5),)
        bounds = stats.bootstrap(sample, np.mean, n_resamples=500, method="percentile", rng=generator)
        return Interval(0, bounds.confidence_interval.low, bounds.confidence_interval.high)

    assert covered_share(draw, truth=0, repeats=1000) == pytest.approx(0.845, abs=binomial_error(0.845, 1000))


# 1 - 2/32; and 1 - 20/512 for the second of each end of nine.
@pytest.mark.parametrize(("runs", "expected"), [(5, 0.9375), (9, 0.9609)])
def test_the_median_interval_covers_what_the_binomial_says(runs, expected):
    generator = np.random.default_rng(13)
    share = covered_share(lambda: median_interval(generator.exponential(size=runs)), math.log(2), repeats=1000)
    assert share == pytest.approx(expected, abs=binomial_error(expected, 1000))
