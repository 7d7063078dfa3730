"""Paired tests by hand, with explosions, and how often they reject."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.paired import absolute_difference, margin_p_value, paired_test
from rnnbench.analysis.verdict import Verdict, above
from tests.analysis.two_groups import INF, binomial_error


def test_by_hand():
    # Mean 2, s = 1, t = 2 sqrt(3) = 3.4641 with 2 degrees of freedom: P(|t| > x) = 1 - x / sqrt(2 + x^2) = 0.0742.
    # Of the 8 signs only +++ and --- are as extreme: 2/8.
    result = paired_test(np.array([1.0, 2, 3]), np.random.default_rng(0))
    assert result.interval.estimate == 2
    assert result.interval.low == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-6)
    assert result.p_value == pytest.approx(1 - math.sqrt(12 / 14))
    assert result.p_sign_flip == result.smallest_p_sign_flip == 2 / 8
    assert result.pairs == 3


def test_five_pairs_cannot_reject_by_sign_flips():
    assert paired_test(np.arange(1.0, 6), np.random.default_rng(0)).p_sign_flip == 0.0625


def test_an_explosion_is_the_largest_difference():
    # Ranks 1 to 5 and the explosion 6, all positive: 2/64. Median of six between the third and the fourth.
    result = paired_test(np.array([0.3, 0.1, INF, 0.2, 0.4, 0.5]), np.random.default_rng(0))
    assert result.interval == Interval(pytest.approx(0.35), 0.1, INF)
    assert result.p_value == result.p_sign_flip == 2 / 64
    # Turned around everything is.
    result = paired_test(-np.array([0.3, 0.1, INF, 0.2, 0.4, 0.5]), np.random.default_rng(0))
    assert result.interval == Interval(pytest.approx(-0.35), -INF, -0.1)
    assert result.p_value == 2 / 64


def test_one_explosion_the_other_way_leaves_it_open():
    result = paired_test(np.array([0.3, 0.1, -INF, 0.2, 0.4, 0.5]), np.random.default_rng(0))
    # Rank sum 15 of 21: of the 64 signs those with a rank sum of at most 6 or at least 15: 2 * 14 / 64.
    assert result.p_value == pytest.approx(2 * 14 / 64)
    assert (result.interval.low, result.interval.high) == (-INF, 0.5)


def test_none_and_one_pair():
    assert math.isnan(paired_test(np.array([]), np.random.default_rng(0)).p_sign_flip)
    one = paired_test(np.array([2.0]), np.random.default_rng(0))
    assert (one.interval.estimate, one.p_sign_flip, one.pairs) == (2, 1, 1)
    assert math.isnan(one.p_value)


def test_equal_differences_are_certain():
    assert paired_test(np.full(4, 2.0), np.random.default_rng(0)).p_value == 0
    assert paired_test(np.zeros(4), np.random.default_rng(0)).p_value == 1


def test_the_sign_flips_keep_their_level_for_skewed_explosions():
    # Half of the differences explode, either way alike.
    generator = np.random.default_rng(1)
    p_values = []
    for _ in range(300):
        differences = generator.standard_normal(7)
        differences[np.abs(differences) > 1] *= INF
        p_values.append(paired_test(differences, generator).p_value)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + binomial_error(0.05, 300)


def test_power_of_the_sign_flips():
    generator = np.random.default_rng(2)
    p_values = [paired_test(generator.normal(1.5, 1, 7), generator).p_sign_flip for _ in range(200)]
    student = stats.nct.sf(stats.t.isf(0.025, 6), 6, 1.5 * math.sqrt(7))
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(student, abs=0.1)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_slower_gradient_wins_whether_it_decays_or_explodes(sign):
    # |RNN| - |LSTM| at gain 2 in the committed claims: slopes of -0.0624 and -0.0053 decades per step.
    generator = np.random.default_rng(3)
    rnn, lstm = (sign * (slope + 0.002 * generator.standard_normal(5)) for slope in (0.0624, 0.0053))
    assert above(absolute_difference(rnn, lstm, generator).interval) is Verdict.HOLDS
    assert above(absolute_difference(lstm, rnn, generator).interval) is Verdict.FAILS
    assert above(absolute_difference(rnn, -rnn[::-1], generator).interval) is Verdict.UNDECIDED


def test_p_value_against_both_margins_by_hand():
    differences = np.array([-0.1, 0.0, 0.05, 0.1, 0.2])
    of_each = [stats.ttest_1samp(differences, bound).pvalue for bound in (-0.3, 0.3)]
    assert margin_p_value(differences, 0.3, np.random.default_rng(0)) == pytest.approx(max(of_each))
    assert margin_p_value(differences + 5, 0.3, np.random.default_rng(0)) < 1e-4
    assert margin_p_value(differences + 0.3, 0.3, np.random.default_rng(0)) > 0.05
    assert math.isnan(margin_p_value(np.array([1.0]), 0.3, np.random.default_rng(0)))
    assert margin_p_value(np.full(6, INF), 0.3, np.random.default_rng(0)) == 2 / 2**6
