"""The median number of steps to solve, with exact bounds under censoring and the level that they attain."""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from rnnbench.analysis.intervals import CONFIDENCE, FEWEST_RUNS_FOR_A_MEDIAN, UNDEFINED, Interval, median_interval
from rnnbench.analysis.steps_to_solve import StepsToSolve

ROUNDING = 1e-9
"""The Kaplan-Meier curve is a product of fractions: 5/6 * 4/5 * 3/4 may come out just above one half."""


class MedianSteps(NamedTuple):
    """The median steps to solve of one group of runs."""

    interval: Interval
    level: float
    """The least probability with which the bounds hold the median: 0.9375 with five runs, at least 0.95 with more; NaN
    without bounds."""


def median_steps(runs: StepsToSolve) -> MedianSteps:
    """The median steps to solve with bounds that hold it whatever the distribution and the censoring.

    The number of runs below the median is Binomial(n, 1/2), so the k-th smallest and the k-th largest step hold it with
    probability 1 - 2 P(X < k), the `level`; k is that of `median_interval`. A run that did not solve has a step beyond
    its budget: the lower bound counts its budget, the upper one inf. So the level is exact where no budget ended before
    a bound, as with equal budgets, and else at least attained, where the bounds of Brookmeyer & Crowley on the
    Kaplan-Meier curve are narrower but only approximate, below about seven runs always up to inf.

    The estimate is the first step by which at least half have solved, by Kaplan-Meier; inf when fewer did. Fewer than
    five runs have no bounds, no runs NaN throughout. Sources: Conover, Practical Nonparametric Statistics (1999), 3.2;
    Kaplan & Meier (1958).
    """
    count = runs.steps.size
    if count == 0:
        return MedianSteps(UNDEFINED, math.nan)
    estimate = _kaplan_meier_median(runs)
    if count < FEWEST_RUNS_FOR_A_MEDIAN:
        return MedianSteps(Interval(estimate), math.nan)
    low, high = median_interval(runs.last_steps).low, median_interval(runs.steps).high
    return MedianSteps(Interval(estimate, low, high), _level(count))


def _kaplan_meier_median(runs: StepsToSolve) -> float:
    """The first step t with S(t) = prod over s <= t of (1 - d_s/n_s) <= 1/2, d_s of the n_s runs left solving at s."""
    last, solved = runs.last_steps, runs.solved
    unsolved = stats.ecdf(stats.CensoredData(uncensored=last[solved], right=last[~solved])).sf
    reached = np.asarray(unsolved.quantiles)[np.asarray(unsolved.probabilities) <= 0.5 + ROUNDING]
    return float(reached[0]) if reached.size else math.inf


def _level(runs: int) -> float:
    """What the bounds of `median_interval` hold: the largest k with both tails at most 2.5%, and 1 for five runs."""
    tail = (1 - CONFIDENCE) / 2
    below = int(stats.binom.ppf(tail, runs, 0.5))
    k = max(below if stats.binom.cdf(below, runs, 0.5) > tail else below + 1, 1)
    return 1 - 2 * float(stats.binom.cdf(k - 1, runs, 0.5))
