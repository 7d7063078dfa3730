"""Exponential or not: straight, bent, exploding and noisy courses made for each answer."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnbench.analysis.exponential_decay import exponential_test, half_slopes
from rnnbench.analysis.verdict import Verdict
from rnnbench.gradient_fit import fit_gradient
from tests.analysis.two_groups import binomial_error

LAGS = np.arange(100.0)[::-1]
"""Of g_1 .. g_100."""


def courses(
    generator: np.random.Generator, log10_norms: np.ndarray, runs: int = 5, noise: float = 0.05, wobble: float = 0.0
) -> np.ndarray:
    """Runs of a course with noise at every step, and a random bend of each run as a whole."""
    bends = wobble * generator.standard_normal((runs, 1)) * ((LAGS - 49.5) / 100) ** 2
    return 10 ** (log10_norms + bends + noise * generator.standard_normal((runs, LAGS.size)))


def test_slopes_of_the_halves_by_hand():
    # 0, 1, 2 then 4, 6, 8 decades: slopes 1 and 2.
    assert half_slopes(10.0 ** np.array([0, 1, 2, 4, 6, 8])) == pytest.approx((1, 2))
    # The zeros of a flushed gradient do not count: the halves are those of what is left.
    assert half_slopes(np.concatenate([np.zeros(4), 10.0 ** np.array([0, 1, 2, 4, 6, 8])])) == pytest.approx((1, 2))
    assert math.isnan(half_slopes(np.ones(5)).first)


@pytest.mark.parametrize("slope", [0.3, 0.026, -0.06])
def test_exponentials_pass_whether_they_decay_or_explode(slope):
    generator = np.random.default_rng(0)
    result = exponential_test(courses(generator, -slope * LAGS))
    assert result.verdict is Verdict.HOLDS
    assert result.slope.estimate == pytest.approx(abs(slope), rel=0.01)
    assert result.change.low < 0 < result.change.high
    assert result.runs == 5


@pytest.mark.parametrize("sign", [1, -1])
def test_a_stretched_exponential_fails_although_a_line_fits(sign):
    generator = np.random.default_rng(0)
    norms = courses(generator, -sign * np.sqrt(LAGS) / math.log(10))
    assert fit_gradient(norms[0]).r_squared > 0.9
    result = exponential_test(norms)
    assert result.verdict is Verdict.FAILS
    assert result.p_value < 0.001


def test_a_power_law_fails():
    generator = np.random.default_rng(0)
    assert exponential_test(courses(generator, -2 * np.log10(LAGS + 1))).verdict is Verdict.FAILS


def test_courses_that_bend_either_way_are_undecided():
    generator = np.random.default_rng(0)
    assert exponential_test(courses(generator, -0.01 * LAGS, wobble=4)).verdict is Verdict.UNDECIDED


def test_no_slope_at_all_is_never_exponential():
    generator = np.random.default_rng(0)
    verdicts = {exponential_test(courses(generator, 0 * LAGS)).verdict for _ in range(20)}
    assert Verdict.HOLDS not in verdicts


@pytest.mark.parametrize("norm", [0.3, 1.0, 1e-200])
@pytest.mark.parametrize("scale", [1.0, [[1.0], [2.0], [3.0], [5.0], [7.0]]])
def test_flat_courses_are_undecided_whatever_the_rounding(norm, scale):
    result = exponential_test(norm * np.ones((5, 100)) * scale)
    assert (result.verdict, result.change.estimate, result.p_value) == (Verdict.UNDECIDED, 0, 1)


def test_straight_courses_are_exactly_straight_whatever_the_rounding():
    """The coefficient of t^2 is rounding alone, whose sign is the processor's."""
    assert exponential_test(10 ** (-np.arange(1.0, 6)[:, None] * LAGS / 7)).p_value == 1


def test_no_course_is_not_measured():
    result = exponential_test(np.zeros((3, 100)))
    assert (result.verdict, result.runs) == (Verdict.NOT_MEASURED, 0)


def test_a_bend_at_the_margin_is_rarely_called_exponential():
    # log10 g = -a k - c k^2 with a change of slope of exactly the margin from half to half: 2 c 50 = 0.25 (a + 99 c).
    generator = np.random.default_rng(1)
    a = 0.05
    c = 0.25 * a / (100 - 0.25 * 99)
    repeats, said = 100, 0
    for _ in range(repeats):
        norms = courses(generator, -a * LAGS - c * LAGS**2, wobble=0.5)
        said += exponential_test(norms).verdict is Verdict.HOLDS
    assert said / repeats <= 0.025 + binomial_error(0.025, repeats)


def test_level_of_the_quadratic_term():
    generator = np.random.default_rng(2)
    p_values = [exponential_test(courses(generator, -0.05 * LAGS, 3, wobble=0.5)).p_value for _ in range(120)]
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=binomial_error(0.05, 120))


@pytest.mark.parametrize(("bend", "verdict"), [(0.0, Verdict.HOLDS), (3.0, Verdict.FAILS)])
def test_p_value_of_the_verdict(bend, verdict):
    """By hand from the halves: the larger p-value of the change less, and plus, a quarter of the slope."""
    steps = np.arange(60.0)
    courses = np.stack([10 ** -((0.1 + 0.01 * run) * (59 - steps) + bend * ((59 - steps) / 10) ** 2 / (run + 3))
                        for run in range(5)])  # fmt: skip
    courses *= 1 + 0.01 * np.sin(np.add.outer(np.arange(5), steps))
    changes = np.array([np.diff(half_slopes(course))[0] for course in courses])
    slopes = np.array([fit_gradient(course).decay for course in courses])
    of_each = [stats.ttest_1samp(changes + sign * 0.25 * np.abs(slopes), 0).pvalue for sign in (-1, 1)]
    test = exponential_test(courses)
    assert test.verdict is verdict
    assert test.p_margin == pytest.approx(max(of_each))
    assert test.p_margin < 0.05
