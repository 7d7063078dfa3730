"""Degenerate intervals, whose bounds are equal, and exact ones to take instead."""

import math
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy import optimize, stats

from rnnbench.analysis.intervals import CONFIDENCE, UNDEFINED, Interval
from rnnbench.analysis.samples import as_bool_array, as_float_array

ROUNDING = 1e-9


def is_degenerate(interval: Interval) -> bool:
    """Whether both bounds are one and the same value but for rounding, as when all resamples of a bootstrap agree.

    Five runs that agree have a bootstrap without width, [1, 1]; that is the data once more and no interval. A table
    says so, or takes `exact_rate` or `improvement_interval`. Infinite bounds that are equal count as well, NaN do not.
    """
    return math.isclose(interval.low, interval.high, rel_tol=ROUNDING)


def exact_rate(outcomes: Bool[np.ndarray, " runs"]) -> Interval:
    """The fraction k/n of true outcomes with the interval of Clopper & Pearson, which covers at least 95% at every n.

    Wilson's is narrower and covers 95% on average, 83% at the worst rates near 0 and 1. All of five:
    [0.478, 1]. No runs: NaN. Source: Clopper & Pearson (1934).
    """
    values = as_bool_array(outcomes, "outcomes")
    if values.size == 0:
        return UNDEFINED
    bounds: Any = stats.binomtest(int(values.sum()), values.size).proportion_ci(CONFIDENCE, method="exact")
    return Interval(float(values.mean()), float(bounds.low), float(bounds.high))


def improvement_interval(a: Float[np.ndarray, " runs_a"], b: Float[np.ndarray, " runs_b"]) -> Interval:
    """The probability that a run of a is above a run of b, ties counting one half, with Newcombe's score interval.

    The estimate is Mann & Whitney's U / (n m). The bounds are the p with |p - estimate| = 1.96 sqrt(V(p)),
    V(p) = p (1 - p) (1 + k ((1 - p) / (2 - p) + p / (1 + p))) / (n m), k = (n + m) / 2 - 1: the variance for
    exponential values (Hanley & McNeil 1982), taken at the bound, so that they have a width where a wins every pair: of
    five runs against five [0.643, 1]. Approximate: with five runs each they covered 93 to 96% of simulated normal
    samples, down to 92% with unequal spreads, and with three runs 90 to 97%. Values may be inf. Fewer than two runs in
    a group: NaN bounds. Source: Newcombe, Statistics in Medicine 25 (2006), part 2, method 5. Raises ValueError on NaN.
    """
    first = as_float_array(a, "a", allow_infinity=True)
    second = as_float_array(b, "b", allow_infinity=True)
    if not first.size or not second.size:
        return UNDEFINED
    wins = (first[:, None] > second).mean() + (first[:, None] == second).mean() / 2
    estimate = float(wins)
    if min(first.size, second.size) < 2:
        return Interval(estimate)
    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    k = (first.size + second.size) / 2 - 1

    def beyond(p: float) -> float:
        variance = p * (1 - p) * (1 + k * ((1 - p) / (2 - p) + p / (1 + p))) / (first.size * second.size)
        return abs(p - estimate) - z * math.sqrt(max(variance, 0))

    # At the estimate the difference is at most 0; at 0 and 1, where V is 0, at least 0.
    low = 0.0 if estimate == 0 else float(optimize.brentq(beyond, 0, _inside(estimate)))
    high = 1.0 if estimate == 1 else float(optimize.brentq(beyond, _inside(estimate), 1))
    return Interval(estimate, low, high)


def _inside(estimate: float) -> float:
    """Next to an estimate of 0 or 1, where the equation holds by itself."""
    return min(max(estimate, 1e-9), 1 - 1e-9)
