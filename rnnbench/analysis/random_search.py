"""Random search over settings: the best tenth of the trials, and how much of the loss each setting explains.

The logarithm of the loss is fitted by a polynomial in the logarithms of the settings, and the variance of the fit over
the box that the trials span is split into that of each setting alone (its mean over the others) and of the rest, their
interaction: a functional analysis of variance. Source: Hutter, Hoos & Leyton-Brown (2014), with trees where this has a
polynomial; Greff et al. (2017) use it.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from rnnbench.analysis.intervals import CONFIDENCE, Interval, mean_interval
from rnnbench.analysis.verdict import holm
from rnnbench.errors import SettingError

BEST = 0.1
"""Of the trials, those that are compared, as in Greff et al. (2017)."""
DEGREE = 3
GRID = 33
"""Points of each setting at which the fit is evaluated."""
RESAMPLES = 999
SEARCHED = ("optimizer.lr", "model.hidden_size")
VARIANT = "cell.variant"

Numbers = Float[np.ndarray, " trials"]


LOSS = "validation_loss"


def trial_losses(runs: pd.DataFrame) -> Numbers:
    """Validation losses, above 0; a run without one, such as a diverged one, has the largest of the others."""
    losses = pd.to_numeric(runs["selected_validation_loss" if "selected_validation_loss" in runs else LOSS])
    losses = losses.where(np.isfinite(losses) & (losses > 0))
    return losses.fillna(losses.max()).to_numpy(float)


def best_tenth(runs: pd.DataFrame) -> pd.DataFrame:
    """The tenth of the runs with the smallest validation loss, at least one."""
    return runs.iloc[np.argsort(trial_losses(runs), kind="stable")[: max(1, round(BEST * len(runs)))]]


def variance_shares(losses: Numbers, settings: Mapping[str, Numbers]) -> dict[str, float]:
    """The share of each of two settings in the variance of the fitted log loss, and of their `interaction`.

    Losses and settings, all above 0, have one value per trial; the shares add up to 1. Raises SettingError for fewer
    than twice as many trials as the fit has coefficients, and for a setting that does not vary.
    """
    powers, terms = _polynomials()
    if losses.size < 2 * len(powers):
        raise SettingError(f"needs at least {2 * len(powers)} trials of one cell and task; there are {losses.size}")
    if still := [name for name, values in settings.items() if np.ptp(values) == 0]:
        raise SettingError(f"{still[0]}: the trials do not differ in it")
    logs = (np.log(values) for values in settings.values())
    x, y = (2 * (each - each.min()) / np.ptp(each) - 1 for each in logs)
    coefficients = np.linalg.lstsq(np.stack([x**i * y**j for i, j in powers], 1), np.log(losses), rcond=None)[0]
    fit = np.tensordot(coefficients, terms, 1)
    alone = [float(np.var(fit.mean(axis))) / float(np.var(fit)) for axis in (1, 0)]
    return {**dict(zip(settings, alone, strict=True)), "interaction": 1 - sum(alone)}


@functools.cache
def _polynomials() -> "tuple[list[tuple[int, int]], np.ndarray[Any, Any]]":
    """The powers of the two settings in the fit, and their products over the grid, (coefficient, GRID, GRID)."""
    powers = [(i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]
    points = np.linspace(-1, 1, GRID)
    return powers, np.stack([np.outer(points**i, points**j) for i, j in powers])


def share_interval(runs: pd.DataFrame, settings: Sequence[str], name: str, generator: np.random.Generator) -> Interval:
    """The share of the setting `name`, with percentiles over RESAMPLES bootstrap samples of the trials, 95%."""
    losses, values = trial_losses(runs), {each: pd.to_numeric(runs[each]).to_numpy(float) for each in settings}

    def share(chosen: "np.ndarray[Any, Any]") -> float:
        return variance_shares(losses[chosen], {each: of[chosen] for each, of in values.items()})[name]

    drawn = [share(generator.integers(losses.size, size=losses.size)) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(share(np.arange(losses.size)), float(low), float(high))


COLUMNS = {
    "trials": "number of trials",
    "best": "mean test loss of the tenth of the trials with the smallest validation loss, in brackets Student's "
    "interval of their logarithms",
    "p": "Welch's test of these losses' logarithms against those of the first variant, Holm's correction over the task",
    "rate_share": "share of the variance of the log validation loss that the learning rate alone explains",
    "width_share": "share that the width alone explains",
}


def random_search(runs: pd.DataFrame, generator: np.random.Generator, against: str = "vanilla") -> pd.DataFrame:
    """One row per task and value of the setting `cell.variant`, COLUMNS: the variant `against` first, which others are
    compared with. Trials differ in rate and width. Raises SettingError where a task has no such variant."""
    rows = []
    for task, of_task in runs.groupby("task", sort=False):
        groups = sorted(of_task.groupby(VARIANT, sort=False), key=lambda group: group[0] != against)
        if groups[0][0] != against:
            raise SettingError(f"against={against}: no trial of {task} is of this variant")
        best = [np.log(pd.to_numeric(best_tenth(group)["test_loss"]).to_numpy(float)) for _, group in groups]
        tests = [stats.ttest_ind(each, best[0], equal_var=False).pvalue for each in best[1:]]
        p_values = [math.nan, *holm(np.nan_to_num(np.array(tests, dtype=float), nan=1.0))]
        for (variant, group), logs, p_value in zip(groups, best, p_values, strict=True):
            shares = [share_interval(group, SEARCHED, name, generator) for name in SEARCHED]
            rows.append(
                {
                    "task": task,
                    "cell_variant": variant,
                    "trials": len(group),
                    "best": mean_interval(logs).map(math.exp),
                    "p": p_value,
                    "rate_share": shares[0],
                    "width_share": shares[1],
                }
            )
    return pd.DataFrame(rows)
