"""The exponential fit of a gradient through time: a straight line through log10 of its norms, and its half-life."""

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

EXPONENTIAL_R_SQUARED = 0.9
"""The least R^2 at which a gradient through time counts as exponential, so that its decay is reported."""


class GradientFit(NamedTuple):
    """The least-squares line through log10 g_t against t, over the steps where g_t > 0."""

    decay: float
    """Its slope: decades lost per step of backpropagation through time; negative when the gradient grows."""
    r_squared: float
    """R^2 of the line: 1 when the gradient decays or grows exactly exponentially."""
    steps: int
    """Steps where g_t > 0."""


def fit_gradient(norms: Float[np.ndarray, " time_step"], fewest_steps: int = 2) -> GradientFit:
    """The fit to the norms g_1 .. g_T; NaN with fewer than `fewest_steps` steps (at least 2) where g_t > 0.

    The fit is in float64. Through two points a line always fits with R^2 = 1, so callers that use R^2 ask for three.
    """
    (steps,) = np.nonzero(norms > 0)
    if len(steps) < fewest_steps:
        return GradientFit(math.nan, math.nan, len(steps))
    line: Any = stats.linregress(steps, np.log10(norms[steps].astype(np.float64)))
    return GradientFit(float(line.slope), float(line.rvalue**2), len(steps))


def half_life(decay: float) -> float:
    """Steps over which a gradient that loses `decay` decades per step halves; infinite when it does not decay."""
    if math.isnan(decay):
        return math.nan
    return math.log10(2) / decay if decay > 0 else math.inf


def why_not_exponential(fit: GradientFit) -> str:
    """Why the fit's slope does not describe the gradient: too few steps, or no straight line; empty where it does."""
    if fit.steps < 3:
        return f"a gradient above 0 at {fit.steps} steps; a fit needs 3"
    if not fit.r_squared >= EXPONENTIAL_R_SQUARED:
        return f"not exponential: R^2 {fit.r_squared:.3g} is below {EXPONENTIAL_R_SQUARED:g}"
    return ""


def decades_lost(norms: Float[np.ndarray, " time_step"]) -> float:
    """log10(g_T / g_1), T being the last step with a gradient above 0: decades lost in backpropagation from T to 1.

    Negative when it grows; infinite for g_1 = 0, -inf for a g_1 that overflowed, NaN without a gradient.
    """
    (steps,) = np.nonzero(norms > 0)
    if not len(steps):
        return math.nan
    return float(np.log10(norms[steps[-1]]) - np.log10(norms[0])) if norms[0] > 0 else math.inf
