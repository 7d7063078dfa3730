"""Steps to a milestone, what becomes of runs that did not get there, and the median with its exact bounds."""

import math

import numpy as np
import pytest

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.milestones import (
    StepsToSolve,
    check_milestone,
    median_steps,
    reached,
    steps_to,
    stopped_by_solving,
    trained_runs,
)
from rnnbench.errors import SettingError
from tests.analysis.made import INF, binomial_error, drawn, group, table
from tests.long import long_but

NONE = np.nan


def test_every_fate_of_a_run() -> None:
    runs = table(
        {"steps_to_solve": 300, "steps_trained": 300},  # stopped when solved
        {"steps_trained": 1000},  # trained to its end
        {"status": "diverged", "steps_trained": 40},  # will never solve it, by its whole budget
        {"status": "diverged", "steps_trained": 900, "steps_to_solve": 200},  # had solved it before
        {"status": "failed", "steps_trained": NONE},
        {"status": "running", "steps_trained": 10},
        {"steps_trained": 0, "train.steps": 0},  # was not to train
        **{"train.steps": 1000},
    )
    trained = trained_runs(runs)
    assert list(trained["run"]) == ["run0", "run1", "run2", "run3", "run4"]
    steps = steps_to(trained)
    assert list(steps.steps) == [300, INF, INF, 200, INF]
    assert list(steps.budgets) == [1000, 1000, 1000, 1000, 1000]
    assert list(reached(trained)) == [True, False, False, True, False]
    assert list(stopped_by_solving(trained)) == [True, False, False, False, False]


def test_a_softer_milestone_is_censored_where_the_run_stopped() -> None:
    runs = table(
        {"steps_to_solve": 300, "steps_trained": 300, "steps_to_half": NONE},
        {"steps_to_solve": 300, "steps_trained": 300, "steps_to_half": 0},
        **{"train.steps": 1000},
    )
    steps = steps_to(runs, "half")
    assert list(steps.steps) == [INF, 1]
    assert list(steps.budgets) == [300, 1000]


def test_a_milestone_that_no_run_has_names_those_there_are() -> None:
    with pytest.raises(SettingError, match=r"^milestone=x:.*half"):
        check_milestone(table({"steps_to_half": 3}), "x")


@pytest.mark.parametrize(
    ("runs", "interval", "level"),
    [
        # P(all five below or all five above the median) = 2/32.
        (group([1400, 1200, 1300, 1200, 1500], 6000), Interval(1300, 1200, 1500), 0.9375),
        # With six runs k = 1: 1 - 2/64. The largest step is beyond the budget; the third of six is the median.
        (group([30, INF, 10, 20, INF, 40], 50), Interval(30, 10, INF), 1 - 2 / 64),
        # The fifth run has trained 15 steps and may have solved at 16.
        (StepsToSolve(np.array([20, 30, 40, 50, INF]), np.array([90, 90, 90, 90, 15])), Interval(30, 15, INF), 0.9375),
        (group([INF] * 5, 50), Interval(INF, 50, INF), 0.9375),
    ],
)
def test_median_by_hand(runs: StepsToSolve, interval: Interval, level: float) -> None:
    assert median_steps(runs) == (interval, level)


def test_median_remission_of_leukemia_patients() -> None:
    # 6-mercaptopurine arm of Freireich et al. (1963), Blood 21, the textbook example of the estimator: 23 weeks.
    relapsed = [6.0, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6.0, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    runs = StepsToSolve(np.array(relapsed + [INF] * 12), np.array([99.0] * 9 + censored))
    assert median_steps(runs).interval.estimate == 23


def test_the_median_at_exactly_one_half_despite_rounding() -> None:
    # 5/6 * 4/5 * 3/4 is 1/2, and in floating point may be more.
    for runs in range(2, 60, 2):
        steps = np.arange(1.0, runs + 1)
        assert median_steps(StepsToSolve(steps, steps)).interval.estimate == runs / 2


def test_few_runs_have_no_bounds() -> None:
    result = median_steps(group([10, 20, 30, INF], 50))
    assert result.interval.estimate == 20
    assert math.isnan(result.interval.low)
    assert math.isnan(result.level)
    assert math.isnan(median_steps(group([], 50)).interval.estimate)


@pytest.mark.parametrize(
    ("runs", "budget"), long_but([(5, 110.0)], [(5, 1e9), (5, 110.0), (5, 90.0), (10, 1e9), (10, 110.0), (8, None)])
)
def test_coverage_is_at_least_the_level(runs: int, budget: float | None) -> None:
    """And it is the level, but where budgets differ (None) or end before the median (90)."""
    generator = np.random.default_rng(1)
    repeats, held = 300, 0
    for _ in range(repeats):
        if budget is None:
            steps, budgets = 100 * np.exp(0.5 * generator.standard_normal(runs)), generator.uniform(50, 300, runs)
            result = median_steps(StepsToSolve(np.where(steps <= budgets, steps, INF), budgets))
        else:
            result = median_steps(drawn(generator, runs, [100.0], 0.5, budget))
        held += result.interval.low <= 100 <= result.interval.high
    error = binomial_error(result.level, repeats)
    assert held / repeats >= result.level - error
    if budget is not None and budget > 100:
        assert held / repeats <= result.level + error
