"""Paired tests, losses on the log scale, verdicts and Holm's correction by hand, and how often they reject."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnbench.analysis.intervals import Interval, margin_p_value, paired_test
from rnnbench.analysis.loss_comparison import loss_differences
from rnnbench.analysis.verdict import Verdict, above, below, equivalences_corrected, holm, holm_corrected, within
from tests.analysis.made import INF


def paired(differences, seed=0):
    return paired_test(np.array(differences, dtype=float), np.random.default_rng(seed))


def test_by_hand():
    # Mean 2, s = 1, t = 2 sqrt(3) = 3.4641 with 2 degrees of freedom: P(|t| > x) = 1 - x / sqrt(2 + x^2) = 0.0742.
    # Of the 8 signs only +++ and --- are as extreme: 2/8.
    result = paired([1, 2, 3])
    assert (result.interval.estimate, result.interval.low) == pytest.approx((2, 2 - 4.302653 / math.sqrt(3)), abs=1e-6)
    assert result.p_value == pytest.approx(1 - math.sqrt(12 / 14))
    assert (result.p_sign_flip, result.pairs) == (2 / 8, 3)
    assert paired(range(1, 6)).p_sign_flip == 0.0625  # five pairs cannot reject by sign flips


def test_an_explosion_is_the_largest_difference():
    # Ranks 1 to 5 and the explosion 6, all positive: 2/64. Median of six between the third and the fourth.
    result = paired([0.3, 0.1, INF, 0.2, 0.4, 0.5])
    assert result.interval == Interval(pytest.approx(0.35), 0.1, INF)
    assert result.p_value == result.p_sign_flip == 2 / 64
    turned = paired([-0.3, -0.1, -INF, -0.2, -0.4, -0.5])
    assert turned.interval == Interval(pytest.approx(-0.35), -INF, -0.1)
    assert turned.p_value == 2 / 64
    # Rank sum 15 of 21: of the 64 signs those with a rank sum of at most 6 or at least 15: 2 * 14 / 64.
    other_way = paired([0.3, 0.1, -INF, 0.2, 0.4, 0.5])
    assert other_way.p_value == pytest.approx(2 * 14 / 64)
    assert (other_way.interval.low, other_way.interval.high) == (-INF, 0.5)


def test_none_one_and_equal_differences():
    assert math.isnan(paired([]).p_sign_flip)
    one = paired([2.0])
    assert (one.interval.estimate, one.p_sign_flip, one.pairs) == (2, 1, 1)
    assert math.isnan(one.p_value)
    assert paired([2.0] * 4).p_value == 0
    assert paired([0.0] * 4).p_value == 1


def test_p_value_against_both_margins_by_hand():
    differences, generator = np.array([-0.1, 0.0, 0.05, 0.1, 0.2]), np.random.default_rng(0)
    of_each = [stats.ttest_1samp(differences, bound).pvalue for bound in (-0.3, 0.3)]
    assert margin_p_value(differences, 0.3, generator) == pytest.approx(max(of_each))
    assert margin_p_value(differences + 5, 0.3, generator) < 1e-4
    assert margin_p_value(differences + 0.3, 0.3, generator) > 0.05
    assert math.isnan(margin_p_value(np.array([1.0]), 0.3, generator))
    assert margin_p_value(np.full(6, INF), 0.3, generator) == 2 / 2**6


def test_decades_by_hand():
    found = loss_differences(np.array([1.0, INF, 0.1, INF]), np.array([0.1, 0.1, INF, INF]))
    assert found.tolist() == [1.0, INF, -INF, 0.0]


HOLDS, FAILS, UNDECIDED, NOT_MEASURED = Verdict.HOLDS, Verdict.FAILS, Verdict.UNDECIDED, Verdict.NOT_MEASURED


@pytest.mark.parametrize(
    ("low", "high", "is_above", "is_below", "is_within"),
    [
        (0.1, 0.2, HOLDS, FAILS, HOLDS),
        (-0.1, 0.2, UNDECIDED, UNDECIDED, HOLDS),
        (-0.4, 0.2, UNDECIDED, UNDECIDED, UNDECIDED),
        (0.31, 0.5, HOLDS, FAILS, FAILS),
        (-0.5, -0.31, FAILS, HOLDS, FAILS),
        (math.nan, math.nan, UNDECIDED, UNDECIDED, UNDECIDED),
    ],
)
def test_above_below_and_within_a_margin(low, high, is_above, is_below, is_within):
    interval = Interval(0.0, low, high)
    assert (above(interval), below(interval), within(interval, -0.3, 0.3)) == (is_above, is_below, is_within)


def test_holm_by_hand():
    # Ordered 0.01 * 4, 0.02 * 3, 0.03 * 2 = 0.06 (not below the 0.06 before it), 0.5 * 1.
    assert holm(np.array([0.03, 0.01, 0.5, 0.02])) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    # 0.03 * 2 = 0.06, then 0.04 * 1 raised to it; and never above 1.
    assert holm(np.array([0.04, 0.03])) == pytest.approx([0.06, 0.06])
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1, 1])
    assert holm(np.array([])).size == 0


def test_verdicts_after_correction():
    verdicts = [HOLDS, FAILS, HOLDS, UNDECIDED, NOT_MEASURED]
    # Of four tested cases: 0.01 * 4 = 0.04 stays; 0.02 * 3 = 0.06 does not.
    after = holm_corrected(verdicts, [0.02, 0.01, 0.03, 0.6, 0.001])
    assert after.verdicts == [UNDECIDED, FAILS, UNDECIDED, UNDECIDED, NOT_MEASURED]
    assert after.p_values == pytest.approx([0.06, 0.04, 0.06, 0.6, math.nan], nan_ok=True)
    # A test of a single run has no p-value: it counts as 1.
    alone = holm_corrected([HOLDS, HOLDS], [math.nan, 0.02])
    assert alone.verdicts == [UNDECIDED, HOLDS]
    assert alone.p_values == pytest.approx([1, 0.04])


def test_four_verdicts_on_equivalence_after_correction():
    """Of four cases 0.01 at the margins decides, 0.02 does not; where it does not, the p-value of none does."""
    after, p_none = equivalences_corrected(
        [HOLDS, FAILS, UNDECIDED, FAILS], [0.01, 0.01, 0.5, 0.02], [0.4, 0.001, 0.002, math.nan]
    )
    assert after.verdicts == [HOLDS, FAILS, Verdict.DIFFERS, FAILS]
    assert equivalences_corrected([FAILS] * 2, [0.03, 0.04], [0.02, 0.3])[0].verdicts == [Verdict.DIFFERS, UNDECIDED]
    assert p_none == pytest.approx([0.8, 0.004, 0.006, 1])
