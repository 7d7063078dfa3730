"""The ratio of steps to solve by hand, and how often its interval holds the true ratio."""

import math

import numpy as np
import pytest

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.log_rank import log_rank_test
from rnnbench.analysis.steps_ratio import steps_ratio
from rnnbench.analysis.verdict import Verdict, below
from tests.analysis.two_groups import INF, binomial_error, drawn, group


def test_by_hand():
    # Every step of a is half of its counterpart. The test rejects where all divided steps of a lie before those of b,
    # or behind them (p = 2/70): ratios above 8/10 = 0.8 (a's last, b's first) and below 5/16.
    a, b = group([5, 6, 7, 8], 1000), group([10, 12, 14, 16], 1000)
    result = steps_ratio(a, b, np.random.default_rng(0))
    assert result.low == pytest.approx(5 / 16)
    assert result.high == pytest.approx(8 / 10)
    assert result.estimate == pytest.approx(0.5)


def test_the_other_way_round_is_the_inverse():
    generator = np.random.default_rng(1)
    a, b = drawn(generator, 6, [100], 0.5, 130), drawn(generator, 5, [150], 0.5, 130)
    one, other = steps_ratio(a, b, generator), steps_ratio(b, a, generator)
    assert other.estimate == pytest.approx(1 / one.estimate)
    assert other.low == pytest.approx(1 / one.high)
    assert other.high == pytest.approx(INF if one.low == 0 else 1 / one.low)


def test_open_where_a_group_does_not_solve():
    solving, failing = group([10, 11, 12, 13, 14], 100), group([INF] * 5, 100)
    # Of five solves, all in one group within a common horizon: rejected up to b's budget over a's steps.
    result = steps_ratio(failing, solving, np.random.default_rng(0))
    assert result.estimate == INF
    assert result.high == INF
    assert 100 / 14 <= result.low <= 100 / 12
    assert steps_ratio(solving, failing, np.random.default_rng(0)).low == 0
    nothing = steps_ratio(failing, failing, np.random.default_rng(0))
    assert math.isnan(nothing.estimate)
    assert (nothing.low, nothing.high) == (0, INF)


def test_three_runs_bound_nothing():
    assert steps_ratio(group([1, 2, 3], 9), group([4, 5, 6], 9), np.random.default_rng(0)).low == 0


def test_no_runs_are_nan():
    result = steps_ratio(group([], 9), group([], 9), np.random.default_rng(0))
    assert all(math.isnan(bound) for bound in (result.estimate, result.low, result.high))


def test_strata_of_different_length_keep_their_ratio():
    a = group([5, 6, 7, 8, 500, 600, 700, 800], 1e4, [1] * 4 + [2] * 4)
    b = group([10, 12, 14, 16, 1000, 1200, 1400, 1600], 1e4, [1] * 4 + [2] * 4)
    result = steps_ratio(a, b, np.random.default_rng(0))
    assert result.estimate == pytest.approx(0.5)
    assert 5 / 16 < result.low < 0.5 < result.high < 0.8


def test_one_lies_in_the_interval_when_the_test_does_not_reject():
    generator = np.random.default_rng(2)
    for _ in range(30):
        a, b = drawn(generator, 5, [100], 0.4, 200), drawn(generator, 5, [180], 0.4, 200)
        if log_rank_test(a, b, generator).p_value > 0.05:
            result = steps_ratio(a, b, generator)
            assert result.low <= 1 <= result.high


def test_the_committed_adding_medium():
    # Rate 0.03, seeds 0 to 4, the GRU's steps and the LSTM's at length 20.
    gru, lstm = group([600, 900, 700, 800, 800], 6000), group([1400, 1200, 1300, 1200, 1500], 6000)
    assert steps_ratio(gru, lstm, np.random.default_rng(0)) == Interval(0.6, 700 / 1500, 900 / 1300)


@pytest.mark.parametrize(
    ("a", "verdict"),
    [
        ([500, 520, 540, 560, 580], Verdict.HOLDS),
        ([2000, 2100, 2200, 2300, INF], Verdict.FAILS),
        ([900, 1050, 1150, 1250, 1400], Verdict.UNDECIDED),
        # All runs diverge; one diverges and the others are quick; three diverge.
        ([INF] * 5, Verdict.FAILS),
        ([500, 520, 540, 560, INF], Verdict.UNDECIDED),
        ([500, 520, INF, INF, INF], Verdict.UNDECIDED),
    ],
)
def test_fewer_steps_holds_fails_or_is_open(a, verdict):
    b = group([1000, 1100, 1200, 1300, 1400], 2500)
    assert below(steps_ratio(group(a, 2500), b, np.random.default_rng(0)), 1) is verdict


@pytest.mark.parametrize(
    ("runs", "medians", "ratio", "budget", "repeats", "permutations"),
    [
        (5, [1000.0], 0.5, 1e9, 400, 999),
        (5, [1000.0], 0.5, 1000.0, 400, 999),
        (5, [1000.0], 2.0, 1200.0, 400, 999),
        (10, [1000.0], 0.5, 1e9, 50, 399),
        (10, [1000.0], 0.8, 1000.0, 80, 399),
        (5, [500.0, 2000.0], 0.7, 1600.0, 80, 399),
    ],
)
def test_coverage(runs, medians, ratio, budget, repeats, permutations):
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(repeats):
        a = drawn(generator, runs, [ratio * median for median in medians], 0.3, budget)
        result = steps_ratio(a, drawn(generator, runs, medians, 0.3, budget), generator, permutations)
        held += result.low <= ratio <= result.high
    assert held / repeats >= 0.95 - binomial_error(0.95, repeats)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"confidence": 1.0}, r"^confidence=1\.0:"), ({"permutations": 0}, r"^permutations=0: must be")],
)
def test_settings_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        steps_ratio(group([1], 9), group([1], 9), np.random.default_rng(0), **arguments)
