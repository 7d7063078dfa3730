"""Up to which length runs solve their task."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnbench.analysis.intervals import CONFIDENCE, RESAMPLES, UNDEFINED, Interval
from rnnbench.analysis.samples import as_bool_array, as_float_array, check_resamples


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
