"""Losses, their baselines and the scale on which a task's are compared: logarithmic, unless one of them is 0 or less.

On the log scale a difference is a ratio: 0.3 decades is a factor of 2 whether the loss is 1e-1 or 1e-4, a bound never
is negative, and an interval says by how many times two losses may differ. A loss of 0 or less, of a log likelihood of
densities for one, has no logarithm. All losses of the task then have arithmetic means and plain differences, and axes
are linear.
"""

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray

from rnnbench.analysis.intervals import UNDEFINED, Interval, mean_interval
from rnnbench.analysis.samples import as_float_array

LOSSES = ("test_loss", "validation_loss", "test_baseline_loss", "baseline_loss")
BASELINE = "test_baseline_loss"
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
    with np.errstate(over="ignore"):  # two runs that differ widely have a bound beyond all numbers
        return mean_interval(np.log10(losses)).map(lambda bound: float(np.power(10.0, bound)))


def baselines(runs: pd.DataFrame) -> "pd.Series[float]":
    """The loss of the best constant on each run's own test data where that was recorded, else its expectation;
    NaN for a task without one."""
    found = pd.Series(np.nan, index=runs.index)
    for column in (BASELINE, "baseline_loss"):
        if column in runs:
            found = found.fillna(pd.to_numeric(runs[column]).astype(float))
    return found


def decades_over_baseline(losses: Float[np.ndarray, " runs"], baseline: ArrayLike) -> NDArray[np.float64]:
    """log10(loss / baseline loss) of each run: 0 is no better than the baseline, -2 a hundredth of its loss.

    `baseline` is the loss of the constant predictor, one for all runs or one each, evaluated on the very data of the
    loss: against its expected value over all data a constant scores better or worse by the luck of the
    draw. Losses may be inf, of a run that diverged, and so is the result: worse than anything, never dropped. Raises
    ValueError on NaN, and on a loss or a baseline that is not positive.
    """
    values = as_float_array(losses, "losses", allow_infinity=True, remedy="a run that diverged has the loss inf")
    references = as_float_array(np.broadcast_to(np.asarray(baseline), values.shape), "baseline")
    for name, array in (("losses", values), ("baseline", references)):
        if array.size and array.min() <= 0:
            raise ValueError(f"{name}={array.min():g}: must be above 0 (its logarithm is taken)")
    return np.asarray(np.log10(values) - np.log10(references))


def loss_differences(
    losses_a: Float[np.ndarray, " pairs"], losses_b: Float[np.ndarray, " pairs"], logarithmic: bool = True
) -> NDArray[np.float64]:
    """log10 losses of a minus those of b, in decades: inf where a diverged, -inf where b did, 0 where both did.

    Over pairs of runs that share a seed and have trained equally long: a loss at which a run stopped says when it
    stopped. Where not `logarithmic` the differences are of the losses themselves, which need not be positive. Raises
    ValueError on NaN, and on losses that have no logarithm.
    """
    if logarithmic:
        a, b = decades_over_baseline(losses_a, 1.0), decades_over_baseline(losses_b, 1.0)
    else:
        a = as_float_array(losses_a, "losses_a", allow_infinity=True)
        b = as_float_array(losses_b, "losses_b", allow_infinity=True)
    both = np.isposinf(a) & np.isposinf(b)
    return np.asarray(np.where(both, 0, a) - np.where(both, 0, b))
