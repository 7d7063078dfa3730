"""The ratio of steps to solve by hand, and how often its interval holds the true ratio; and equivalence of steps."""

import math
from dataclasses import replace

import numpy as np
import pytest

from rnnbench.analysis.log_rank import log_rank_test
from rnnbench.analysis.steps_ratio import steps_equivalence, steps_ratio, time_ratio
from rnnbench.analysis.verdict import Verdict, equivalences_corrected
from tests.analysis.made import INF, binomial_error, drawn, group
from tests.long import long_but

HOLDS, FAILS, DIFFERS, UNDECIDED = Verdict.HOLDS, Verdict.FAILS, Verdict.DIFFERS, Verdict.UNDECIDED


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_by_hand():
    # Every step of a is half of its counterpart. The test rejects where all divided steps of a lie before those of b,
    # or behind them (p = 2/70): ratios above 8/10 = 0.8 (a's last, b's first) and below 5/16.
    result = steps_ratio(group([5, 6, 7, 8], 1000), group([10, 12, 14, 16], 1000), generator())
    assert (result.estimate, result.low, result.high) == pytest.approx((0.5, 5 / 16, 8 / 10))


def test_the_other_way_round_is_the_inverse():
    source = generator(1)
    a, b = drawn(source, 6, [100], 0.5, 130), drawn(source, 5, [150], 0.5, 130)
    one, other = steps_ratio(a, b, source), steps_ratio(b, a, source)
    assert other.estimate == pytest.approx(1 / one.estimate)
    assert other.low == pytest.approx(1 / one.high)
    assert other.high == pytest.approx(INF if one.low == 0 else 1 / one.low)


def test_open_where_a_group_does_not_solve():
    solving, failing = group([10, 11, 12, 13, 14], 100), group([INF] * 5, 100)
    # Of five solves, all in one group within a common horizon: rejected up to b's budget over a's steps.
    result = steps_ratio(failing, solving, generator())
    assert (result.estimate, result.high) == (INF, INF)
    assert 100 / 14 <= result.low <= 100 / 12
    assert steps_ratio(solving, failing, generator()).low == 0
    nothing = steps_ratio(failing, failing, generator())
    assert math.isnan(nothing.estimate)
    assert (nothing.low, nothing.high) == (0, INF)


def test_few_runs_bound_nothing():
    assert steps_ratio(group([1, 2, 3], 9), group([4, 5, 6], 9), generator()).low == 0
    none = steps_ratio(group([], 9), group([], 9), generator())
    assert all(math.isnan(bound) for bound in (none.estimate, none.low, none.high))


def test_strata_of_different_length_keep_their_ratio():
    a = group([5, 6, 7, 8, 500, 600, 700, 800], 1e4, [1] * 4 + [2] * 4)
    b = group([10, 12, 14, 16, 1000, 1200, 1400, 1600], 1e4, [1] * 4 + [2] * 4)
    result = steps_ratio(a, b, generator())
    assert result.estimate == pytest.approx(0.5)
    assert 5 / 16 < result.low < 0.5 < result.high < 0.8


COVERAGE = [
    (5, [1000.0], 0.5, 1000.0, 1, 200, 999),
    (5, [200.0], 3.0, 5000.0, 100, 150, 399),
    (8, [200.0], 3.0, 5000.0, 100, 200, 399),
    (5, [1000.0], 0.5, 1e9, 1, 400, 999),
    (5, [1000.0], 2.0, 1200.0, 1, 400, 999),
    (10, [1000.0], 0.5, 1e9, 1, 50, 399),
    (10, [1000.0], 0.8, 1000.0, 1, 80, 399),
    (5, [500.0, 2000.0], 0.7, 1600.0, 1, 80, 399),
]


@pytest.mark.parametrize(
    ("runs", "medians", "ratio", "budget", "every", "repeats", "permutations"), long_but(COVERAGE[:2], COVERAGE)
)
def test_coverage(runs, medians, ratio, budget, every, repeats, permutations, monkeypatch):
    monkeypatch.setattr("rnnbench.analysis.log_rank.PERMUTATIONS", permutations)
    source, held = generator(3), 0
    for _ in range(repeats):
        a = drawn(source, runs, [ratio * median for median in medians], 0.3, budget, every)
        result = steps_ratio(a, drawn(source, runs, medians, 0.3, budget, every), source)
        held += result.low <= ratio <= result.high
    assert held / repeats >= 0.95 - binomial_error(0.95, repeats)


@pytest.mark.parametrize(("ratio", "times"), long_but([(0.7, 0.75)], [(0.7, 0.75), (1 / 0.75, 0.75)]))
def test_times(ratio, times, monkeypatch):
    """Two uncertain factors: the interval holds their product, and a product of 1 is rarely rejected."""
    monkeypatch.setattr("rnnbench.analysis.log_rank.PERMUTATIONS", 199)
    source, held, rejected, repeats = generator(5), 0, 0, 60
    for _ in range(repeats):
        a, b = drawn(source, 5, [1000 * ratio], 0.3, 1e9), drawn(source, 5, [1000.0], 0.3, 1e9)
        found, p_value = time_ratio(a, b, math.log(times) + 0.1 * source.standard_normal(8), source)
        held += found.low <= ratio * times <= found.high
        rejected += p_value <= 0.05
    assert held / repeats >= 0.95 - binomial_error(0.95, repeats)
    assert rejected / repeats > 0.4 if ratio < 1 else rejected / repeats <= 0.05 + binomial_error(0.05, repeats)


def test_steps_known_to_an_evaluation_have_an_interval_where_they_agree():
    a = replace(group([600] * 5, 1000), every=np.full(5, 100.0))
    result = steps_ratio(a, a, generator())
    assert 500 / 600 < result.low < 0.95 < 1.04 < result.high < 600 / 500


@pytest.mark.parametrize(
    ("ratio", "spread", "repeats"), long_but([(1.5, 0.3, 150)], [(1.5, 0.05, 400), (1.5, 0.3, 150), (1.0, 0.1, 200)])
)
def test_equivalence_is_rarely_said_at_the_margin_and_found_where_it_is(ratio, spread, repeats):
    source, said = generator(1), 0
    for _ in range(repeats):
        a, b = drawn(source, 5, [100 * ratio], spread, 400), drawn(source, 5, [100.0], spread, 400)
        said += steps_equivalence(a, b, source)[1] is HOLDS
    assert said / repeats > 0.9 if ratio == 1 else said / repeats <= 0.025 + binomial_error(0.025, repeats)


WRONG = {1.0: {DIFFERS, FAILS}, 1.5: {HOLDS, FAILS}, 3.0: {HOLDS}}
"""By the true ratio, the verdicts on equivalence that are wrong; that no difference is seen never is."""


@pytest.mark.long
@pytest.mark.parametrize("ratios", [(1.0,) * 4, (1.5,) * 4, (3.0,) * 4, (1.0, 1.0, 1.5, 1.5)])
def test_combined_error_of_the_four_verdicts(ratios):
    """Any wrong verdict among four cases of six runs, after the correction: equal, at the margin, beyond, mixed."""
    source, wrong, repeats = generator(7), 0, 1000
    for _ in range(repeats):
        pairs = [[drawn(source, 6, [1000 * factor], 0.3, 1e9) for factor in (ratio, 1.0)] for ratio in ratios]
        found = [steps_equivalence(*pair, source) for pair in pairs]
        p_none = [log_rank_test(*pair, source).p_value for pair in pairs]
        after, _ = equivalences_corrected([each[1] for each in found], [each[2] for each in found], p_none)
        wrong += any(verdict in WRONG[ratio] for verdict, ratio in zip(after.verdicts, ratios, strict=True))
    assert wrong / repeats <= 0.05 + binomial_error(0.05, repeats)
