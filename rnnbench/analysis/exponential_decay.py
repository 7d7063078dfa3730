"""Whether a gradient decays or grows exponentially through time.

R^2 of the straight line through log10 g_t does not show it: over 100 steps exp(-sqrt k) has 0.95. A profile is
exponential when its slope is the same early and late, which the slopes of its two halves say directly.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from rnnbench.analysis.intervals import Interval, mean_interval
from rnnbench.analysis.paired import ROUNDING, student_p_value
from rnnbench.analysis.samples import as_float_array
from rnnbench.analysis.verdict import Verdict
from rnnbench.gradient_fit import fit_gradient

FEWEST_STEPS_OF_A_HALF = 3
CURVATURE_MARGIN = 0.25
"""Slopes of the halves that differ by less than this fraction of the whole slope are one slope; a convention."""


class HalfSlopes(NamedTuple):
    """Slopes of log10 g_t against t over the two halves of the steps where g_t > 0: decades lost per step back."""

    first: float
    """Of the earlier steps, further from the loss."""
    second: float


def half_slopes(norms: Float[np.ndarray, " time_step"]) -> HalfSlopes:
    """The slopes of the two halves of a profile g_1 .. g_T; NaN with fewer than three steps in a half.

    An odd middle step belongs to the second half. Raises ValueError on NaN and infinite norms.
    """
    checked = as_float_array(norms, "norms", axes=("time_step",), remedy="leave out a run that diverged")
    (steps,) = np.nonzero(checked > 0)
    is_earlier = np.arange(checked.size) < (steps[steps.size // 2] if steps.size else 0)
    first, second = np.where(is_earlier, checked, 0), np.where(is_earlier, 0, checked)
    return HalfSlopes(*(fit_gradient(half, FEWEST_STEPS_OF_A_HALF).decay for half in (first, second)))


class ExponentialTest(NamedTuple):
    """Whether the profiles of several runs are exponential."""

    verdict: Verdict
    change: Interval
    """Mean over runs of the second half's slope minus the first's, decades per step: 0 is exponential."""
    p_value: float
    """Student's, that the coefficient of t^2 in log10 g_t is 0: whether the course is exactly straight."""
    p_margin: float
    """The larger of Student's two-sided p-values that d - margin |s| and that d + margin |s| are 0: for a correction.

    Small both where the verdict holds and where it fails; the verdict says which.
    """


def exponential_test(norms: Float[np.ndarray, "runs time_step"]) -> ExponentialTest:
    """That the gradients of several runs, a row of norms g_1 .. g_T each, decay or grow exponentially.

    The change d of the slope from the first half to the second is compared with the slope s of the whole. The verdict
    HOLDS where |d| < margin |s| on average over the runs: the 95% intervals of the means of d - margin |s| and of
    d + margin |s| are below and above 0, which avoids a ratio whose denominator may be 0 (Fieller 1954). It FAILS where
    one of them is on the other side, else, as for a slope of 0, it is UNDECIDED. Runs whose halves have no slope are
    left out; the margin is CURVATURE_MARGIN.

    Raises ValueError on NaN and infinite norms.
    """
    halves = np.array([half_slopes(profile) for profile in norms]).reshape(-1, 2)
    usable = ~np.isnan(halves).any(axis=1)
    changes = halves[usable, 1] - halves[usable, 0]
    slopes = np.abs([fit_gradient(profile).decay for profile in norms[usable]])
    quadratics = np.array([_quadratic(profile) for profile in norms[usable]])
    beyond, short_of = changes - CURVATURE_MARGIN * slopes, changes + CURVATURE_MARGIN * slopes
    excess, lack = mean_interval(beyond), mean_interval(short_of)
    verdict = Verdict.UNDECIDED if changes.size else Verdict.NOT_MEASURED
    if excess.low > 0 or lack.high < 0:
        verdict = Verdict.FAILS
    elif excess.high < 0 and lack.low > 0:
        verdict = Verdict.HOLDS
    return ExponentialTest(
        verdict,
        mean_interval(changes),
        student_p_value(quadratics),
        max(student_p_value(beyond), student_p_value(short_of)),
    )


def _quadratic(norms: Float[np.ndarray, " time_step"]) -> float:
    """The coefficient of t^2 in log10 g_t; 0 where it is rounding alone, as in a straight profile."""
    (steps,) = np.nonzero(norms > 0)
    values = np.log10(norms[steps])
    half_width = (steps[-1] - steps[0]) / 2
    bend = float(np.polynomial.Polynomial.fit(steps, values, 2).coef[2])  # with t from -1 to 1
    return bend / half_width**2 if abs(bend) > ROUNDING * np.abs(values).max() else 0.0
