"""The scale on which the losses of a task are compared: logarithmic, unless one of them is 0 or less.

Such a loss, of a log likelihood of densities for one, has no logarithm. All losses of the task then have arithmetic
means and plain differences, and axes are linear.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnbench.analysis.intervals import UNDEFINED, Interval, mean_interval

LOSSES = ("test_loss", "validation_loss", "test_baseline_loss", "baseline_loss")
LINEAR = "linear"
SCALE = "loss_scale"
SCALES = {
    SCALE: "only where a task has losses of 0 or less, which have no logarithm: `linear` for such a task, whose means "
    "and differences are of the losses themselves, else empty"
}
"""A column of tables."""


def is_logarithmic(runs: pd.DataFrame) -> "pd.Series[bool]":
    """Whether the losses of each run's task are all above 0."""
    above = pd.Series(True, index=runs.index)
    for column in LOSSES:
        if column in runs:
            above &= ~(pd.to_numeric(runs[column]).astype(float) <= 0)
    return above.groupby(runs["task"]).transform("all")


def with_scale(table: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The table with the column SCALE, where a task of the runs is linear."""
    linear = set(runs.loc[~is_logarithmic(runs), "task"])
    if not linear or table.empty:
        return table
    return table.assign(**{SCALE: [LINEAR if task in linear else "" for task in table["task"]]})


def mean_loss(losses: NDArray[np.float64], logarithmic: bool) -> Interval:
    """The geometric mean with Student's interval of log10, or the arithmetic one with Student's; inf with an infinite
    loss."""
    if not losses.size:
        return UNDEFINED
    if np.isinf(losses).any():
        return Interval(np.inf)
    if not logarithmic:
        return mean_interval(losses)
    mean = mean_interval(np.log10(losses))
    with np.errstate(over="ignore"):  # two runs that differ widely have a bound beyond all numbers
        return Interval(*(float(np.power(10.0, bound)) for bound in (mean.estimate, mean.low, mean.high)))
