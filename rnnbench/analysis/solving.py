"""Which runs solve their task, how soon, and up to which length."""

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy import stats

from rnnbench.analysis.intervals import CONFIDENCE, FEWEST_RUNS_FOR_A_MEDIAN, RESAMPLES, UNDEFINED, Interval
from rnnbench.analysis.samples import as_bool_array, as_float_array, check_resamples

ROUNDING = 1e-9
"""The Kaplan-Meier curve is a product of fractions: 5/6 * 4/5 * 3/4 may come out just above one half."""


def success_rate(solved: Bool[np.ndarray, " runs"]) -> Interval:
    """The fraction p = k/n of runs that solved the task, with Wilson's score interval.

    (p + z^2/2n +- z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n), z = 1.96; it has a width even when all or no runs
    succeed, and at n = 1. A diverged or failed run is one that did not solve. No runs: NaN. Source: Wilson (1927).
    """
    outcomes = as_bool_array(solved, "solved")
    if outcomes.size == 0:
        return UNDEFINED
    successes = int(outcomes.sum())
    bounds = stats.binomtest(successes, outcomes.size).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(successes / outcomes.size, float(bounds.low), float(bounds.high))


def median_steps_to_solve(
    steps: Float[np.ndarray, " runs"],
    solved: Bool[np.ndarray, " runs"],
    diverged: Bool[np.ndarray, " runs"] | None = None,
) -> Interval:
    """The median number of training steps until solved, by Kaplan-Meier, with the Brookmeyer-Crowley interval.

    `steps` holds the step at which a run solved the task, or else the last step it trained. With d_t runs solving at
    step t of n_t still training, S(t) = prod over s <= t of (1 - d_s/n_s) estimates the fraction of runs unsolved after
    step t; the median is the first step with S(t) <= 1/2, and inf if there is none. An unsolved run is censored at its
    last step: it might have solved the task later.

    A diverged run will not, and to censor it where it diverged would say that it might have done as well as the
    others, and so shorten the median. It stays among the unsolved up to the longest step in `steps`; any longer
    horizon gives the same result. A run that solved the task before it diverged has solved it.

    The bounds are the first steps at which the log-log (exponential Greenwood) bounds of S reach one half. The upper
    one is inf while the runs do not bound the median, below about seven runs always. Where even the lower bound of S
    stays above one half, the low bound is the longest step that at least five runs reached. Fewer than five runs have
    NaN bounds (the smallest of n values is below the median in 1 - 2^-n of cases only), no runs NaN throughout.

    Sources: Kaplan & Meier (1958), Brookmeyer & Crowley (1982), Kalbfleisch & Prentice (1980) for the log-log form.
    Raises ValueError on arrays of different lengths and on steps that are negative or not finite.
    """
    outcomes = as_bool_array(solved, "solved")
    fates = np.zeros_like(outcomes) if diverged is None else as_bool_array(diverged, "diverged")
    last = as_float_array(steps, "steps", remedy="the last step the run trained")
    for name, array in (("solved", outcomes), ("diverged", fates)):
        if array.size != last.size:
            raise ValueError(f"{name}.size={array.size}: must be {last.size}, the number of steps given")
    if last.size == 0:
        return UNDEFINED
    if last.min() < 0:
        raise ValueError(f"steps={last.min():g}: must be at least 0 (training steps)")
    last = np.where(fates & ~outcomes, last.max(), last)
    unsolved = stats.ecdf(stats.CensoredData(uncensored=last[outcomes], right=last[~outcomes])).sf
    estimate = _first_at_half(unsolved.quantiles, unsolved.probabilities)
    if last.size < FEWEST_RUNS_FOR_A_MEDIAN:
        return Interval(estimate)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The confidence interval is undefined", category=RuntimeWarning)
        bounds: Any = unsolved.confidence_interval(CONFIDENCE, method="log-log")
    low, high = _defined_everywhere(unsolved.probabilities, bounds.low.probabilities, bounds.high.probabilities)
    first = _first_at_half(unsolved.quantiles, low)
    if math.isinf(first):
        first = float(np.sort(last)[-FEWEST_RUNS_FOR_A_MEDIAN])
    return Interval(estimate, first, _first_at_half(unsolved.quantiles, high))


def _first_at_half(steps: NDArray[np.float64], fraction: NDArray[np.float64]) -> float:
    reached = steps[fraction <= 0.5 + ROUNDING]
    return float(reached[0]) if reached.size else math.inf


def _defined_everywhere(
    fraction: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # The log-log formula is 0/0 where the fraction is 1, before the first event, and where it is 0, after the last.
    # There the last run to solve does not tell how much later the median may be, so the upper bound stays as it was.
    low = np.where(fraction == 1, 1.0, np.where(fraction == 0, 0.0, low))
    high = np.where(fraction == 1, 1.0, high)
    if fraction[-1] == 0:
        high[-1] = high[-2] if fraction.size > 1 else 1.0
    return low, high


def longest_solvable_length(
    table: pd.DataFrame, generator: np.random.Generator, fraction: float = 0.5, resamples: int = RESAMPLES
) -> Interval:
    """The longest tested length such that it and every shorter one is solved by at least `fraction` of the runs.

    `table` has one row per run of one cell, with the columns `length` (steps) and `solved` (bool). The result lies on
    the grid of tested lengths: 0 when the shortest is not solved; when it is the longest, the true one may be longer.
    The bounds are the 2.5% and 97.5% points of the bootstrap that resamples the runs within each length. They are
    equal when the runs agree at every length, and with three runs cover less than 95%, about 88% where success falls
    slowly with length. Bounds are NaN when a length has one run only; no runs are NaN throughout.

    Raises ValueError on a missing column, a length that is not a positive number, and a fraction outside (0, 1].
    """
    check_resamples(resamples)
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction={fraction}: must be above 0 and at most 1 (a fraction of the runs)")
    for column in ("length", "solved"):
        if column not in table.columns:
            raise ValueError(f"table.columns={list(table.columns)}: must contain {column}")
    lengths = as_float_array(table["length"].to_numpy(), "length")
    outcomes = as_bool_array(table["solved"].to_numpy(), "solved")
    if lengths.size == 0:
        return UNDEFINED
    if lengths.min() <= 0:
        raise ValueError(f"length={lengths.min():g}: must be above 0 (steps)")
    tested, place = np.unique(lengths, return_inverse=True)
    runs = np.bincount(place)
    rates = np.bincount(place, weights=outcomes) / runs
    ladder = np.concatenate([[0.0], tested])

    def longest(rates: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(ladder[np.cumprod(rates >= fraction, axis=-1).sum(axis=-1)])

    estimate = float(longest(rates))
    if runs.min() == 1:
        return Interval(estimate)
    # Drawing n outcomes with replacement from k successes and n - k failures is drawing Binomial(n, k/n) successes.
    resampled = longest(generator.binomial(runs, rates, size=(resamples, runs.size)) / runs)
    tails = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    low, high = np.quantile(resampled, tails, method="inverted_cdf")
    return Interval(estimate, float(low), float(high))
