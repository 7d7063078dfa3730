"""The exponential fit of a gradient through time: a straight line through log10 of its norms, and its half-life."""

import math
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

EXPONENTIAL_R_SQUARED = 0.9
"""The least R^2 at which a gradient through time counts as exponential, so that its decay is reported."""
FEWEST_STEPS = 3
"""Steps with a gradient above 0 that a line takes: through two it always fits."""
FEWEST_STEPS_OF_A_HALF_LIFE = 10
SMALLEST = 1e-299
"""Norms in float64 below this are taken for 0: the compiled loops round elements below 2^-1002, 2e-302, to zero."""
FLAT = 1e-12
"""Decades within which the logarithms of equal norms lie, whatever the rounding: their slope and R^2 are 0."""


class GradientFit(NamedTuple):
    """The least-squares line through log10 g_t against t, over the steps where g_t > 0."""

    decay: float
    """Its slope: decades lost per step of backpropagation through time; negative when the gradient grows."""
    r_squared: float
    """R^2 of the line: 1 when the gradient decays or grows exactly exponentially."""


def fit_gradient(norms: Float[np.ndarray, " time_step"], fewest_steps: int = 2) -> GradientFit:
    """The fit to the norms g_1 .. g_T; NaN with fewer than `fewest_steps` steps (at least 2) where g_t > 0.

    The fit is in float64. Through two points a line always fits with R^2 = 1, so callers that use R^2 ask for three.
    """
    (steps,) = np.nonzero(norms > 0)
    if len(steps) < fewest_steps:
        return GradientFit(math.nan, math.nan)
    logarithms = np.log10(norms[steps].astype(np.float64))
    if np.ptp(logarithms) <= FLAT:
        return GradientFit(0.0, 0.0)
    of_steps, of_both, _, of_logarithms = np.cov(steps, logarithms, bias=True).flat
    correlation = np.clip(of_both / np.sqrt(of_steps * of_logarithms), -1, 1)
    return GradientFit(float(of_both / of_steps), float(correlation**2))


def decades_lost(norms: Float[np.ndarray, " time_step"]) -> float:
    """log10(g_T / g_1), T being the last step with a gradient above 0: decades lost in backpropagation from T to 1.

    Negative when it grows; infinite for g_1 = 0, -inf for a g_1 that overflowed, NaN without a gradient.
    """
    (steps,) = np.nonzero(norms > 0)
    if not len(steps):
        return math.nan
    return float(np.log10(norms[steps[-1]]) - np.log10(norms[0])) if norms[0] > 0 else math.inf


def decades_seen(norms: Float[np.ndarray, " time_step"]) -> float:
    """`decades_lost`; where that is infinite, g_1 being no number, from T back to the first norm that is: a bound."""
    (steps,) = np.nonzero((norms > 0) & np.isfinite(norms))
    return decades_lost(norms[steps[0] :]) if len(steps) else math.nan


class NoHalfLife(StrEnum):
    """Why a gradient has no half-life."""

    TOO_FEW_STEPS = "too few steps with a gradient above 0"
    NOT_EXPONENTIAL = "no straight line in log g_t"
    NO_DECAY = "does not decay"
    BEYOND_SEQUENCE = "longer than the sequence"
    NOT_RECORDED = "not recorded"


class HalfLife(NamedTuple):
    """The half-life of a gradient in backpropagation through time."""

    steps: float
    """NaN when there is none."""
    reason: NoHalfLife | None
    """Why there is none."""


def reported_half_life(norms: Float[np.ndarray, " time_step"]) -> HalfLife:
    """Steps over which the gradient norms g_1 .. g_T halve, where a straight line fits their logarithm.

    None, with the reason, when fewer than 10 norms are above 0, when they do not decay from g_T to g_1 or overflow,
    when R^2 is below 0.9, and when the half-life is longer than T: no sequence of that length has seen it. NaN, at
    steps that are padding, counts as no gradient. All tables and the probe's columns follow this rule.
    """
    fit = fit_gradient(norms, FEWEST_STEPS_OF_A_HALF_LIFE) if not np.isinf(norms).any() else GradientFit(0.0, 0.0)
    reason = None
    if math.isnan(fit.decay):
        reason = NoHalfLife.TOO_FEW_STEPS
    elif fit.decay <= 0:
        reason = NoHalfLife.NO_DECAY
    elif fit.r_squared < EXPONENTIAL_R_SQUARED:
        reason = NoHalfLife.NOT_EXPONENTIAL
    elif math.log10(2) / fit.decay > norms.size:
        reason = NoHalfLife.BEYOND_SEQUENCE
    return HalfLife(math.nan if reason else math.log10(2) / fit.decay, reason)


class GradientSummary(NamedTuple):
    """One profile g_1 .. g_T in numbers."""

    decades_lost: float
    decades_seen: float
    r_squared: float
    """NaN with fewer than three steps with a gradient above 0, or with one that overflowed."""
    decay: float
    """NaN where R^2 is below 0.9."""
    half_life: HalfLife


def summarise_gradient(norms: Float[np.ndarray, " time_step"]) -> GradientSummary:
    """The summary of the norms g_1 .. g_T; NaN, at steps that are padding, counts as no gradient."""
    known = np.where(np.isnan(norms), 0, norms)
    fit = fit_gradient(known, FEWEST_STEPS) if np.isfinite(known).all() else GradientFit(math.nan, math.nan)
    decay = fit.decay if fit.r_squared >= EXPONENTIAL_R_SQUARED else math.nan
    half_life = reported_half_life(known)
    return GradientSummary(decades_lost(known), decades_seen(known), fit.r_squared, decay, half_life)
