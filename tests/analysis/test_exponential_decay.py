"""Exponential or not: straight, bent, exploding and noisy profiles made for each answer."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnbench.analysis.gradient_profile import exponential_test, half_slopes
from rnnbench.analysis.verdict import Verdict
from rnnbench.gradient_fit import fit_gradient
from tests.analysis.two_groups import binomial_error

LAGS = np.arange(100.0)[::-1]
"""Of g_1 .. g_100."""


def profiles(
    generator: np.random.Generator, log10_norms: np.ndarray, runs: int = 5, noise: float = 0.05, wobble: float = 0.0
) -> np.ndarray:
    """Runs of a profile with noise at every step, and a random bend of each run as a whole."""
    bends = wobble * generator.standard_normal((runs, 1)) * ((LAGS - 49.5) / 100) ** 2
    return 10 ** (log10_norms + bends + noise * generator.standard_normal((runs, LAGS.size)))


def test_slopes_of_the_halves_by_hand():
    # 0, 1, 2 then 4, 6, 8 decades: slopes 1 and 2.
    assert half_slopes(10.0 ** np.array([0, 1, 2, 4, 6, 8])) == pytest.approx((1, 2))
    # The zeros of a flushed gradient do not count: the halves are those of what is left.
    assert half_slopes(np.concatenate([np.zeros(4), 10.0 ** np.array([0, 1, 2, 4, 6, 8])])) == pytest.approx((1, 2))
    assert math.isnan(half_slopes(np.ones(5))[0])


@pytest.mark.parametrize(
    ("log10_norms", "wobble", "verdict"),
    [
        (-0.3 * LAGS, 0, Verdict.HOLDS),
        (-0.026 * LAGS, 0, Verdict.HOLDS),
        (0.06 * LAGS, 0, Verdict.HOLDS),
        (-np.sqrt(LAGS) / math.log(10), 0, Verdict.FAILS),  # a stretched exponential, although a line fits
        (np.sqrt(LAGS) / math.log(10), 0, Verdict.FAILS),
        (-2 * np.log10(LAGS + 1), 0, Verdict.FAILS),  # a power law
        (-0.01 * LAGS, 4, Verdict.UNDECIDED),  # runs that bend either way
    ],
)
def test_verdicts(log10_norms, wobble, verdict):
    norms = profiles(np.random.default_rng(0), log10_norms, wobble=wobble)
    result = exponential_test(norms)
    assert result.verdict is verdict
    if verdict is Verdict.HOLDS:
        assert result.change.low < 0 < result.change.high
    elif wobble == 0:
        assert fit_gradient(norms[0]).r_squared > 0.75
        assert result.p_value < 0.001


@pytest.mark.parametrize("norm", [0.3, 1e-200])
@pytest.mark.parametrize("scale", [1.0, [[1.0], [2.0], [3.0], [5.0], [7.0]]])
def test_flat_profiles_are_undecided_whatever_the_rounding(norm, scale):
    result = exponential_test(norm * np.ones((5, 100)) * scale)
    assert (result.verdict, result.change.estimate, result.p_value) == (Verdict.UNDECIDED, 0, 1)


def test_straight_profiles_are_exactly_straight_whatever_the_rounding():
    """The coefficient of t^2 is rounding alone, whose sign is the processor's."""
    assert exponential_test(10 ** (-np.arange(1.0, 6)[:, None] * LAGS / 7)).p_value == 1


def test_a_bend_at_the_margin_is_rarely_called_exponential():
    # log10 g = -a k - c k^2 with a change of slope of exactly the margin from half to half: 2 c 50 = 0.25 (a + 99 c).
    generator, a, repeats = np.random.default_rng(1), 0.05, 100
    c = 0.25 * a / (100 - 0.25 * 99)
    said = [
        exponential_test(profiles(generator, -a * LAGS - c * LAGS**2, wobble=0.5)).verdict is Verdict.HOLDS
        for _ in range(repeats)
    ]
    assert np.mean(said) <= 0.025 + binomial_error(0.025, repeats)


@pytest.mark.parametrize(("bend", "verdict"), [(0.0, Verdict.HOLDS), (3.0, Verdict.FAILS)])
def test_p_value_of_the_verdict(bend, verdict):
    """By hand from the halves: the larger p-value of the change less, and plus, a quarter of the slope."""
    lags = np.arange(60.0)[::-1]
    norms = np.stack([10 ** -((0.1 + 0.01 * run) * lags + bend * (lags / 10) ** 2 / (run + 3)) for run in range(5)])
    norms *= 1 + 0.01 * np.sin(np.add.outer(np.arange(5), lags))
    changes = np.array([np.diff(half_slopes(of_run))[0] for of_run in norms])
    slopes = np.array([fit_gradient(of_run).decay for of_run in norms])
    of_each = [stats.ttest_1samp(changes + sign * 0.25 * np.abs(slopes), 0).pvalue for sign in (-1, 1)]
    test = exponential_test(norms)
    assert test.verdict is verdict
    assert test.p_margin == pytest.approx(max(of_each))
    assert test.p_margin < 0.05
