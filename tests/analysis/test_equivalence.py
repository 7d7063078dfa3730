"""Equivalence within margins: every verdict on data made for it, and how often it is wrong."""

import math

import numpy as np
import pytest

from rnnbench.analysis.equivalence import steps_equivalence, within_factor, within_margin
from rnnbench.analysis.intervals import Interval, mean_interval
from rnnbench.analysis.verdict import Verdict, above, below
from tests.analysis.two_groups import INF, binomial_error, drawn, group

HOLDS, FAILS, UNDECIDED = Verdict.HOLDS, Verdict.FAILS, Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.7, 1.4, HOLDS), (0.6, 1.4, UNDECIDED), (0.7, 1.6, UNDECIDED), (0.3, 0.6, FAILS), (1.6, INF, FAILS),
     (0, INF, UNDECIDED), (math.nan, math.nan, UNDECIDED)],
)  # fmt: skip
def test_within_a_factor(low, high, verdict):
    assert within_factor(Interval(1.0, low, high)) is verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.1, 0.2, HOLDS), (-0.4, 0.2, UNDECIDED), (0.31, 0.5, FAILS), (-0.5, -0.31, FAILS), (math.nan, 0.1, UNDECIDED)],
)
def test_within_a_margin(low, high, verdict):
    assert within_margin(Interval(0.0, low, high), 0.3) is verdict


@pytest.mark.parametrize(
    ("low", "high", "is_above", "is_below"),
    [(0.1, 0.2, HOLDS, FAILS), (-0.2, -0.1, FAILS, HOLDS), (-0.1, 0.1, UNDECIDED, UNDECIDED),
     (math.nan, math.nan, UNDECIDED, UNDECIDED)],
)  # fmt: skip
def test_above_and_below(low, high, is_above, is_below):
    assert above(Interval(0.0, low, high)) is is_above
    assert below(Interval(0.0, low, high)) is is_below


def test_steps_that_are_equivalent_that_are_not_and_that_are_open():
    generator = np.random.default_rng(0)
    steps = [100, 102, 104, 106, 108]
    same = steps_equivalence(group(steps, 500), group([101, 103, 105, 107, 109], 500), generator)
    assert same.verdict is HOLDS
    assert same.p_value == pytest.approx(2 / 252)
    fewer = steps_equivalence(group(steps, 500), group([200, 210, 220, 230, 240], 500), generator)
    assert fewer.verdict is FAILS
    open_ = steps_equivalence(group(steps, 500), group([80, 120, 160, 90, 150], 500), generator)
    assert open_.verdict is UNDECIDED
    assert open_.p_value > 0.05


def test_solving_none_against_solving_all_is_no_equivalence():
    # What a margin of mean scores called comparable: 0/5 against 5/5.
    result = steps_equivalence(group([INF] * 5, 6000), group([600, 900, 700, 800, 800], 6000), np.random.default_rng(0))
    assert result.verdict is FAILS
    assert result.ratio.high == INF


def test_two_groups_that_never_solve_are_undecided():
    result = steps_equivalence(group([INF] * 5, 60), group([INF] * 5, 60), np.random.default_rng(0))
    assert result.verdict is UNDECIDED
    assert result.p_value == 1


@pytest.mark.parametrize(("ratio", "spread"), [(1.5, 0.05), (1.5, 0.3)])
def test_equivalence_at_the_margin_is_rarely_said(ratio, spread):
    generator = np.random.default_rng(1)
    repeats, said = 400, 0
    for _ in range(repeats):
        a, b = drawn(generator, 5, [100 * ratio], spread, 400), drawn(generator, 5, [100.0], spread, 400)
        said += steps_equivalence(a, b, generator).verdict is HOLDS
    assert said / repeats <= 0.025 + binomial_error(0.025, repeats)


def test_power_to_find_equivalence():
    generator = np.random.default_rng(2)
    repeats, said = 200, 0
    for _ in range(repeats):
        a, b = (drawn(generator, 5, [100.0], 0.1, 400) for _ in range(2))
        said += steps_equivalence(a, b, generator).verdict is HOLDS
    assert said / repeats > 0.9


def test_a_difference_at_the_margin_is_rarely_equivalent():
    generator = np.random.default_rng(3)
    said = [within_margin(mean_interval(generator.normal(0.1, 0.05, 5)), 0.1) is HOLDS for _ in range(1000)]
    assert np.mean(said) <= 0.025 + binomial_error(0.025, 1000)
