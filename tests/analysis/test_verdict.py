"""Verdicts from intervals, and Holm's correction by hand and by how often any of several cases is wrongly decided."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.verdict import Verdict, above, below, equivalences_corrected, holm, holm_corrected, within_margin
from tests.analysis.two_groups import binomial_error

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
    assert (above(interval), below(interval), within_margin(interval, 0.3)) == (is_above, is_below, is_within)


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


def test_the_error_of_several_cases_keeps_its_level():
    generator = np.random.default_rng(1)
    # Ten dependent cases, all true: normal statistics that share half of their variance.
    shared = generator.standard_normal((2000, 1)) + generator.standard_normal((2000, 10))
    p_values = 2 * stats.norm.sf(np.abs(shared) / math.sqrt(2))
    wrong = np.mean([(holm(row) <= 0.05).any() for row in p_values])
    assert wrong <= 0.05 + binomial_error(0.05, 2000)
    assert np.mean((p_values <= 0.05).any(axis=1)) > 0.2
