"""Estimates over seeds with 95% intervals: a mean, a median, a paired difference; and the quartiles.

All intervals here are exact for small samples under the assumption their docstring names, because five seeds are the
usual case: there a percentile bootstrap of the mean covers about 85%, not 95%.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from rnnbench.analysis.samples import as_float_array

CONFIDENCE = 0.95
RESAMPLES = 2000
LARGEST = float(np.finfo(np.float64).max)
FEWEST_RUNS_FOR_A_MEDIAN = 5
"""Below five runs no order statistic bounds a median with about 95%: even the range covers only 1 - 2^(1 - n)."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% bounds, all three in the unit of the data.

    NaN: not defined for so few runs. Infinite: larger than anything that was measured.
    """

    estimate: float
    low: float = math.nan
    high: float = math.nan

    def __str__(self) -> str:
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}]"


UNDEFINED = Interval(math.nan)
"""The estimate from no runs at all."""


class Quartiles(NamedTuple):
    """The spread of a sample, not the uncertainty of an estimate."""

    first: float
    median: float
    third: float


def mean_interval(values: Float[np.ndarray, " runs"]) -> Interval:
    """The mean with Student's interval, mean +- t(0.975; n - 1) s / sqrt(n).

    Exact for normal values at every n >= 2, and why it is preferred to the bootstrap (see the module). One run has NaN
    bounds, no runs are NaN throughout. Source: Student (1908). Raises ValueError on NaN and on infinite values, which
    have no mean: take `median_interval` for those.
    """
    sample = as_float_array(values, "values", remedy="infinite values have no mean: use median_interval")
    if sample.size == 0:
        return UNDEFINED
    mean = float(sample.mean())
    if sample.size == 1:
        return Interval(mean)
    standard_error = float(sample.std(ddof=1)) / math.sqrt(sample.size)
    margin = float(stats.t.ppf((1 + CONFIDENCE) / 2, sample.size - 1)) * standard_error
    return Interval(mean, mean - margin, mean + margin)


def median_interval(values: Float[np.ndarray, " runs"]) -> Interval:
    """The median with the interval between two order statistics, those of the sign test.

    Of n runs, the number below the true median is Binomial(n, 1/2); the bounds are the k-th smallest and k-th largest
    value for the largest k whose two tails are each at most 2.5%. Distribution-free, it covers at least 95% from six
    runs on. Five runs get their range, which covers 1 - 2/32 = 93.75%; fewer get NaN bounds; no runs NaN throughout.
    Values may be inf (a half-life that is never reached), and so may the result. Source: Conover, Practical
    Nonparametric Statistics (1999), section 3.2. Raises ValueError on NaN and -inf.
    """
    sample = as_float_array(values, "values", allow_infinity=True)
    if sample.size == 0:
        return UNDEFINED
    median = quartiles(sample).median
    if sample.size < FEWEST_RUNS_FOR_A_MEDIAN:
        return Interval(median)
    if sample.size == FEWEST_RUNS_FOR_A_MEDIAN:
        return Interval(median, float(sample.min()), float(sample.max()))
    bounds: Any = stats.quantile_test(sample, q=0, p=0.5).confidence_interval(CONFIDENCE)
    return Interval(median, float(bounds.low), float(bounds.high))


def median_of_signed(values: Float[np.ndarray, " runs"]) -> Interval:
    """`median_interval` of values that may be -inf as well: a number below all others stands for it."""
    found = median_interval(np.where(np.isneginf(values), -LARGEST, values))
    bounds = (found.estimate, found.low, found.high)
    return Interval(*(-math.inf if bound < -LARGEST / 4 else bound for bound in bounds))


def paired_difference(a: pd.Series, b: pd.Series) -> Interval:
    """The mean over shared seeds of a - b, with Student's interval on the differences.

    `a` and `b` hold one value per run, indexed by seed; seeds that only one of them has are left out. Runs that share
    a seed share their data, so the difference within a seed is free of the variance of the data. Student's interval is
    exact for normal differences from two pairs on, where a paired bootstrap is far too narrow (five pairs: about 85%).
    One shared seed has NaN bounds, none NaN throughout. Raises ValueError on a repeated seed, and on values that are
    NaN or infinite: leaving those out would drop the diverged runs.
    """
    for name, series in (("a", a), ("b", b)):
        if series.index.has_duplicates:
            seed = series.index[series.index.duplicated()][0]
            raise ValueError(f"{name}.index={seed}: must occur once (one run per seed)")
    seeds = a.index.intersection(b.index)
    first = as_float_array(a.loc[seeds].to_numpy(), "a", remedy="score a diverged run, never drop it")
    second = as_float_array(b.loc[seeds].to_numpy(), "b", remedy="score a diverged run, never drop it")
    return mean_interval(first - second)


def quartiles(values: Float[np.ndarray, " runs"]) -> Quartiles:
    """The quartiles, between order statistics by linear interpolation (type 7 of Hyndman & Fan 1996, numpy's default).

    Values may be inf: a quartile between a finite value and inf is inf. No runs are NaN throughout. Raises ValueError
    on NaN and -inf.
    """
    ordered = np.sort(as_float_array(values, "values", allow_infinity=True))
    return Quartiles(*(_quantile(ordered, probability) for probability in (0.25, 0.5, 0.75)))


def _quantile(ordered: Float[np.ndarray, " runs"], probability: float) -> float:
    # numpy's own interpolation gives NaN between two infinities.
    if ordered.size == 0:
        return math.nan
    fraction, whole = math.modf(probability * (ordered.size - 1))
    below = float(ordered[int(whole)])
    if fraction == 0 or math.isinf(below):
        return below
    return below + fraction * (float(ordered[int(whole) + 1]) - below)
