"""Success rates, steps to solve and solvable lengths against hand-computed cases, and how often intervals hold."""

import math

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.solving import longest_solvable_length, median_steps_to_solve, success_rate

INF = math.inf


def binomial_error(fraction: float, repeats: int) -> float:
    """Three standard errors of a simulated fraction."""
    return 3 * math.sqrt(fraction * (1 - fraction) / repeats)


def test_success_rate_by_hand():
    # k = 4, n = 5, z^2 = 3.841459: centre (0.8 + 0.384146) / 1.768292 = 0.669656,
    # margin 1.959964 sqrt(0.16/5 + 3.841459/100) / 1.768292 = 0.520090 / 1.768292 = 0.294120.
    result = success_rate(np.array([True, True, False, True, True]))
    assert result.estimate == 0.8
    assert result.low == pytest.approx(0.669656 - 0.294120, abs=2e-6)
    assert result.high == pytest.approx(0.669656 + 0.294120, abs=2e-6)


def test_success_rate_of_one_run_has_bounds():
    # 1 / (1 + z^2) = 1 / 4.841459.
    result = success_rate(np.array([True]))
    assert (result.estimate, result.high) == (1, pytest.approx(1))
    assert result.low == pytest.approx(0.206549, abs=1e-6)


def test_success_rate_of_no_runs_is_nan():
    result = success_rate(np.array([], dtype=bool))
    assert all(math.isnan(bound) for bound in (result.estimate, result.low, result.high))


def test_success_rate_refuses_what_is_not_boolean():
    with pytest.raises(ValueError, match=r"^solved\.dtype=float64: must be bool"):
        success_rate(np.array([1.0, math.nan]))


def test_median_steps_by_hand():
    # S(10) = 4/5; the run that ends at 15 leaves; S(20) = 4/5 * 2/3 = 0.533; S(30) = 0.533 * 1/2 = 0.267 <= 1/2.
    # At 10: sqrt(1/20)/ln(5/4) = 1.0021, 0.8^exp(1.96 * 1.0021) = 0.204 <= 1/2: low 10.
    # At 30: sqrt(1/20 + 1/6 + 1/2)/1.3218 = 0.6405, 0.2667^exp(-1.96 * 0.6405) = 0.686 > 1/2: high beyond.
    steps = np.array([10.0, 15.0, 20.0, 30.0, 40.0])
    solved = np.array([True, False, True, True, False])
    assert median_steps_to_solve(steps, solved) == Interval(30, 10, INF)


def test_median_steps_with_a_finite_upper_bound_by_hand():
    # All seven solve. S(400) = 3/7, the first below one half. Upper bounds: at 500, sqrt(sum 1/(n(n-1)), n = 7..3)
    # = sqrt(1/2 - 1/7) = 0.5976 over ln(7/2) = 1.2528: (2/7)^exp(-1.96 * 0.4770) = 0.611; at 600, sqrt(1 - 1/7) =
    # 0.9258 over ln 7 = 1.9459: (1/7)^exp(-1.96 * 0.4758) = 0.465 <= 1/2.
    steps = np.array([100.0, 200, 300, 400, 500, 600, 700])
    assert median_steps_to_solve(steps, np.ones(7, dtype=bool)) == Interval(400, 100, 600)


def test_median_remission_of_leukemia_patients():
    # 6-mercaptopurine arm of Freireich et al. (1963), Blood 21, the textbook example of the estimator: median 23 weeks.
    # At 10: sqrt(3/(21*18) + 1/(17*16) + 1/(15*14)) = 0.12796 over -ln 0.7529: 0.7529^exp(1.96 * 0.4509) = 0.503;
    # at 13: with 1/(12*11), 0.15476 over -ln 0.6902: 0.6902^exp(1.96 * 0.4174) = 0.432 <= 1/2.
    relapsed = [6.0, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6.0, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    solved = np.repeat([True, False], [len(relapsed), len(censored)])
    assert median_steps_to_solve(np.array(relapsed + censored), solved) == Interval(23, 13, INF)


def test_median_steps_at_exactly_one_half_despite_rounding():
    # 5/6 * 4/5 * 3/4 is 1/2, and in floating point may be more.
    for runs in range(2, 60, 2):
        steps = np.arange(1.0, runs + 1)
        assert median_steps_to_solve(steps, np.ones(runs, dtype=bool)).estimate == runs / 2


def test_median_steps_when_fewer_than_half_solve():
    # S(10) = 4/5 and stays there: no median; the low bound is that of the first case.
    solved = np.array([True, False, False, False, False])
    assert median_steps_to_solve(np.array([10.0, 50, 50, 50, 50]), solved) == Interval(INF, 10, INF)


def test_median_steps_when_none_solve_lies_beyond_the_training():
    # Five runs reached step 40, and P(none of 5 solves by then) is 1/32 if the median were at 40.
    steps = np.array([30.0, 40, 50, 60, 70, 80])
    assert median_steps_to_solve(steps, np.zeros(6, dtype=bool)) == Interval(INF, 40, INF)


def test_runs_that_solve_at_the_same_step():
    assert median_steps_to_solve(np.full(5, 10.0), np.ones(5, dtype=bool)) == Interval(10, 10, INF)


def test_diverged_runs_count_as_unsolved_at_every_step():
    # Censored at 5, the diverged runs would leave S(100) = 2/3, S(200) = 1/3: a median of 200.
    # Kept, S(300) = 3/6 is the first at one half.
    steps = np.array([100.0, 200, 300, 5, 5, 5])
    solved = np.array([True, True, True, False, False, False])
    assert median_steps_to_solve(steps, solved).estimate == 200
    assert median_steps_to_solve(steps, solved, diverged=~solved).estimate == 300


def test_a_longer_horizon_for_diverged_runs_changes_nothing():
    steps = np.array([100.0, 150, 200, 300, 5, 400, 500])
    solved = np.array([True, False, True, True, False, True, True])
    diverged = steps == 5
    later = np.where(diverged, 1e9, steps)
    assert median_steps_to_solve(steps, solved, diverged) == median_steps_to_solve(later, solved)


def test_a_run_that_diverged_after_solving_has_solved():
    steps, solved = np.array([10.0, 20, 30]), np.ones(3, dtype=bool)
    assert median_steps_to_solve(steps, solved, diverged=solved).estimate == 20


def test_few_runs_have_a_median_and_no_bounds():
    for runs in (1, 4):
        result = median_steps_to_solve(np.full(runs, 12.0), np.ones(runs, dtype=bool))
        assert result.estimate == 12
        assert math.isnan(result.low)
        assert math.isnan(result.high)
    assert math.isnan(median_steps_to_solve(np.array([]), np.array([], dtype=bool)).estimate)


def test_median_steps_refuses_wrong_arrays():
    steps, solved = np.array([1.0, 2.0]), np.array([True, False])
    with pytest.raises(ValueError, match=r"^solved\.size=1: must be 2"):
        median_steps_to_solve(steps, solved[:1])
    with pytest.raises(ValueError, match=r"^diverged\.size=1: must be 2"):
        median_steps_to_solve(steps, solved, solved[:1])
    with pytest.raises(ValueError, match=r"^steps\[1\]=nan: must be finite"):
        median_steps_to_solve(np.array([1.0, math.nan]), solved)
    with pytest.raises(ValueError, match=r"^steps=-1: must be at least 0"):
        median_steps_to_solve(-steps[:1], solved[:1])


# Twelve runs solve after Exponential(1) steps, and the median is ln 2; censored never, at random, all at one horizon.
@pytest.mark.parametrize("horizon", [(1e9, 1e9), (0.3, 3.0), (1.0, 1.0)])
def test_the_median_interval_covers_95_percent(horizon):
    generator = np.random.default_rng(21)
    repeats, covered = 1000, 0
    for _ in range(repeats):
        solved_at, ends_at = generator.exponential(size=12), generator.uniform(*horizon, size=12)
        result = median_steps_to_solve(np.minimum(solved_at, ends_at), solved_at <= ends_at)
        covered += result.low <= math.log(2) <= result.high
    # At least: order statistics are few, and a horizon leaves the upper bound open.
    assert covered / repeats >= 0.95 - binomial_error(0.95, repeats)


def test_the_median_interval_covers_when_runs_diverge_and_only_if_they_are_named():
    # 30% diverge early, the others solve after Exponential(1) steps: 0.7 (1 - exp(-t)) = 1/2 at t = ln(7/2).
    generator = np.random.default_rng(22)
    repeats = 800
    covered = {"named": 0, "unnamed": 0}
    for _ in range(repeats):
        diverged = generator.random(10) < 0.3
        steps = np.where(diverged, 0.1, generator.exponential(size=10))
        for case, argument in (("named", diverged), ("unnamed", None)):
            result = median_steps_to_solve(steps, ~diverged, argument)
            covered[case] += result.low <= math.log(3.5) <= result.high
    assert covered["named"] / repeats >= 0.95 - binomial_error(0.95, repeats)
    assert covered["unnamed"] / repeats < 0.85


def lengths(outcomes: dict[int, list[bool]]) -> pd.DataFrame:
    rows = [(length, solved) for length, runs in outcomes.items() for solved in runs]
    return pd.DataFrame(rows, columns=["length", "solved"])


def test_longest_solvable_length_by_hand():
    # Half solve length 20, none 40; 80 comes after a gap and does not count. Resampled, length 20 has 2, 1 or 0
    # successes with probability 1/4, 1/2, 1/4, so the result is 20 in 3/4 of the resamples and 10 in 1/4.
    table = lengths({80: [True, True], 10: [True, True], 40: [False, False], 20: [True, False]})
    generator = np.random.default_rng(0)
    assert longest_solvable_length(table, generator) == Interval(20, 10, 20)
    assert longest_solvable_length(table, generator, fraction=0.51).estimate == 10


def test_longest_solvable_length_at_the_ends():
    generator = np.random.default_rng(0)
    assert longest_solvable_length(lengths({10: [False] * 5}), generator) == Interval(0, 0, 0)
    assert longest_solvable_length(lengths({10: [True] * 5, 20: [True] * 5}), generator) == Interval(20, 20, 20)


def test_longest_solvable_length_of_one_and_no_run():
    generator = np.random.default_rng(0)
    one = longest_solvable_length(lengths({10: [True, True], 20: [True], 40: [False]}), generator)
    assert one.estimate == 20
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert math.isnan(longest_solvable_length(lengths({}), generator).estimate)


def test_longest_solvable_length_is_reproducible():
    table = lengths({10: [True, True, False], 20: [True, False, True], 40: [False, True, False]})
    first, second = (longest_solvable_length(table, np.random.default_rng(5), resamples=3) for _ in range(2))
    assert first == second


def test_longest_solvable_length_refuses_wrong_tables():
    generator, table = np.random.default_rng(0), lengths({10: [True, False]})
    with pytest.raises(ValueError, match=r"^table\.columns=\['length'\]: must contain solved"):
        longest_solvable_length(table[["length"]], generator)
    with pytest.raises(ValueError, match=r"^length=-10: must be above 0"):
        longest_solvable_length(lengths({-10: [True]}), generator)
    for fraction in (0, 1.5, math.nan):
        with pytest.raises(ValueError, match=rf"^fraction={fraction}: must be above 0 and at most 1"):
            longest_solvable_length(table, generator, fraction=fraction)
    with pytest.raises(ValueError, match=r"^resamples=0: must be at least 1"):
        longest_solvable_length(table, generator, resamples=0)


def test_the_interval_of_the_longest_length_covers_from_five_runs_on():
    # The fraction that solves falls through one half between 40 and 80. Lengths are few: coverage above nominal.
    generator = np.random.default_rng(23)
    rates, tested, repeats, covered = [0.95, 0.85, 0.65, 0.35, 0.15, 0.05], [10, 20, 40, 80, 160, 320], 300, 0
    for _ in range(repeats):
        outcomes = {length: list(generator.random(5) < rate) for length, rate in zip(tested, rates, strict=True)}
        result = longest_solvable_length(lengths(outcomes), generator, resamples=500)
        covered += result.low <= 40 <= result.high
    assert covered / repeats >= 0.95 - binomial_error(0.95, repeats)
