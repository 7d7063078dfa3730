"""Exact bounds of the median steps to solve: by hand, and how often they hold."""

import math

import numpy as np
import pytest

from rnnbench.analysis.intervals import Interval, median_interval
from rnnbench.analysis.median_steps import median_steps
from rnnbench.analysis.steps_to_solve import StepsToSolve
from tests.analysis.two_groups import INF, binomial_error, drawn, group
from tests.long import long_but


def test_five_solved_runs_have_their_range():
    # P(all five below or all five above the median) = 2/32.
    result = median_steps(group([1400, 1200, 1300, 1200, 1500], 6000))
    assert result == (Interval(1300, 1200, 1500), 0.9375)


def test_six_runs_of_which_two_did_not_solve():
    # With six runs k = 1: 1 - 2/64. The largest step is beyond the budget; the third of six is the median.
    result = median_steps(group([30, INF, 10, 20, INF, 40], 50))
    assert result == (Interval(30, 10, INF), 1 - 2 / 64)


def test_median_remission_of_leukemia_patients():
    # 6-mercaptopurine arm of Freireich et al. (1963), Blood 21, the textbook example of the estimator: 23 weeks.
    relapsed = [6.0, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6.0, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    runs = StepsToSolve(np.array(relapsed + [INF] * 12), np.array([99.0] * 9 + censored))
    assert median_steps(runs).interval.estimate == 23


def test_the_median_at_exactly_one_half_despite_rounding():
    # 5/6 * 4/5 * 3/4 is 1/2, and in floating point may be more.
    for runs in range(2, 60, 2):
        steps = np.arange(1.0, runs + 1)
        assert median_steps(StepsToSolve(steps, steps)).interval.estimate == runs / 2


def test_an_unfinished_run_bounds_from_below_where_it_stopped():
    # The fifth run has trained 15 steps and may have solved at 16.
    steps, budgets = np.array([20.0, 30, 40, 50, INF]), np.array([90.0, 90, 90, 90, 15])
    assert median_steps(StepsToSolve(steps, budgets)).interval == Interval(30, 15, INF)


def test_none_solved_lies_beyond_the_budget():
    assert median_steps(group([INF] * 5, 50)).interval == Interval(INF, 50, INF)


@pytest.mark.parametrize("runs", range(5, 40))
def test_the_level_is_that_of_the_binomial(runs):
    ordered = np.arange(1.0, runs + 1)
    k = int(median_interval(ordered).low)
    tail = sum(math.comb(runs, below) for below in range(k)) / 2**runs
    assert median_steps(group(ordered.tolist(), 99)).level == pytest.approx(1 - 2 * tail)


def test_few_runs_have_no_bounds():
    result = median_steps(group([10, 20, 30, INF], 50))
    assert result.interval.estimate == 20
    assert math.isnan(result.interval.low)
    assert math.isnan(result.level)
    assert math.isnan(median_steps(group([], 50)).interval.estimate)


@pytest.mark.parametrize(("runs", "budget"), long_but([(5, 110.0)], [(5, 1e9), (5, 110.0), (10, 1e9), (10, 110.0)]))
def test_coverage_is_the_level(runs, budget):
    generator = np.random.default_rng(1)
    repeats, held = 300, 0
    for _ in range(repeats):
        result = median_steps(drawn(generator, runs, [100.0], 0.5, budget))
        held += result.interval.low <= 100 <= result.interval.high
    assert held / repeats == pytest.approx(result.level, abs=binomial_error(result.level, repeats))


def test_a_median_beyond_the_budget_is_held_at_least_as_often():
    generator = np.random.default_rng(3)
    repeats, held = 300, 0
    for _ in range(repeats):
        result = median_steps(drawn(generator, 5, [100.0], 0.5, 90))
        held += result.interval.low <= 100 <= result.interval.high
    assert held / repeats >= result.level - binomial_error(result.level, repeats)


@pytest.mark.long
def test_coverage_with_unequal_budgets_is_at_least_the_level():
    generator = np.random.default_rng(2)
    repeats, held = 300, 0
    for _ in range(repeats):
        steps, budgets = 100 * np.exp(0.5 * generator.standard_normal(8)), generator.uniform(50, 300, 8)
        result = median_steps(StepsToSolve(np.where(steps <= budgets, steps, INF), budgets))
        held += result.interval.low <= 100 <= result.interval.high
    assert held / repeats >= result.level - binomial_error(result.level, repeats)
