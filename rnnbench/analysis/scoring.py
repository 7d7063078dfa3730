"""Runs as normalised scores: those of a cell over many runs and tasks, with stratified bootstrap intervals.

The statistics take a matrix of scores, runs x tasks, higher is better. The bootstrap draws runs with replacement within
each task, never tasks; the bounds are the 2.5% and 97.5% quantiles of the resamples, narrow with few runs: they hold
about 92% at five and 94% at twenty. With one run the bounds are NaN, with no runs or no tasks everything is.

Source: Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice (2021).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from rnnbench.analysis.cell_pairs import CELL
from rnnbench.analysis.intervals import CONFIDENCE, RESAMPLES, Interval, as_float_array
from rnnbench.analysis.loss_comparison import BASELINE, baselines
from rnnbench.analysis.milestones import stopped_by_solving
from rnnbench.analysis.results import numbers, rows_by
from rnnbench.errors import SettingError
from rnnbench.schema import ENDED, TASK_GROUP, Status

LOWEST_SCORE = -1.0
"""Of a run that diverged or failed. A bound, so that one run far above the baseline does not decide a mean."""

RESAMPLES_AT_ONCE = 250
"""Bounds the memory; a constant, because it decides the order of the draws."""

Numbers = NDArray[np.float64]

SCORES: dict[str, str] = {
    "tasks": "tasks with a baseline above 0 and no negative loss, which the score is over, each difficulty of one "
    "counted",
    "runs": "runs per task: those of the seeds that every task has",
    "left_out": "runs of other seeds, which are left out",
    "at_stop": "runs that stopped as soon as they solved their task: their losses are those at which runs stop, so "
    "that their scores do not compare cells that solve it",
    "score": "interquartile mean over runs and tasks of the normalised score, 1 - test loss / baseline loss; 0 is no "
    "better than the baseline, the lowest score is -1, of a loss twice the baseline's and of diverged and failed runs",
    "baseline": "what the baseline loss is of: the loss of the constant predictor on the same test data, or, where "
    "that was not recorded, its expectation",
}

SAME_DATA, EXPECTED = "on the same data", "expected"


def normalised_score(loss: ArrayLike, baseline: ArrayLike) -> Float[np.ndarray, "..."]:
    """The fraction of the baseline loss, which is above 0, that a run removed, 1 - loss/baseline: 1 is perfect.

    At least LOWEST_SCORE, and that for a NaN or infinite loss, of a run that diverged or failed. Cut off at 0, a model
    that has learned nothing would score above 0 by the luck of its data.
    """
    losses = np.asarray(loss, dtype=np.float64)
    return np.clip(1 - np.where(np.isfinite(losses), losses, np.inf) / baseline, LOWEST_SCORE, 1)


def interquartile_mean(
    scores: Float[np.ndarray, "runs tasks"], generator: np.random.Generator, resamples: int = RESAMPLES
) -> Interval:
    """The mean of the middle half of all runs x tasks scores, the 25% trimmed mean, with a stratified bootstrap.

    Up to a quarter of diverged runs do not move it, so read it together with the success rate. Raises ValueError on a
    score that is NaN.
    """
    matrix = as_float_array(scores, "scores", remedy="a diverged run scores -1")

    def trimmed(*tasks: Numbers, axis: int = -1) -> Numbers:
        return np.asarray(stats.trim_mean(np.concatenate(tasks, axis=axis), 0.25, axis=axis))

    return Interval(*map(float, _with_bounds(trimmed, matrix, generator, resamples)))


def performance_profile(
    scores: Float[np.ndarray, "runs tasks"],
    thresholds: Float[np.ndarray, " thresholds"],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """The fraction of all runs x tasks scores above each threshold (strictly), with a pointwise bootstrap band.

    One row per threshold: `threshold`, `estimate`, `low` and `high`. Source: Dolan & Moré (2002). Raises ValueError on
    a score that is NaN.
    """
    matrix = as_float_array(scores, "scores", remedy="a diverged run scores -1")

    def fractions(*tasks: Numbers, axis: int = -1) -> Numbers:
        pooled = np.concatenate(tasks, axis=axis)
        return np.stack([(pooled > level).mean(axis=axis) for level in thresholds])

    estimate, low, high = _with_bounds(fractions, matrix, generator, resamples)
    return pd.DataFrame({"threshold": thresholds, "estimate": estimate, "low": low, "high": high})


def _with_bounds(
    statistic: Callable[..., Numbers], matrix: Numbers, generator: np.random.Generator, resamples: int
) -> tuple[Any, Any, Any]:
    """A statistic of the tasks' scores, and its percentile bounds, each task being resampled on its own."""
    estimate = statistic(*matrix.T) if matrix.size else math.nan
    if len(matrix) < 2 or not matrix.size:
        return estimate, math.nan, math.nan
    batch = min(resamples, RESAMPLES_AT_ONCE)
    bounds = stats.bootstrap(
        list(matrix.T), statistic, n_resamples=resamples, batch=batch, vectorized=True, confidence_level=CONFIDENCE,
        method="percentile", rng=generator,
    ).confidence_interval  # fmt: skip
    return estimate, bounds.low, bounds.high


def with_scores(runs: pd.DataFrame) -> pd.DataFrame:
    """The finished runs of tasks with a baseline above 0 and no negative loss, with their `score` on test data.

    Raises SettingError when no task has one.
    """
    ended = runs[runs["status"].isin(ENDED)]
    references = baselines(ended)
    has_fractions = ~((references <= 0) | (numbers(ended, "test_loss") < 0))
    of_task = ended["task"]
    scored = references.notna().groupby(of_task).transform("any") & has_fractions.groupby(of_task).transform("all")
    ended, references = ended[scored], references[scored]
    if ended.empty:
        raise SettingError(
            "needs a task with a best constant above 0 and no negative loss to score by; compare losses "
            "(table=[comparison])"
        )
    losses = ended["test_loss"].where(ended["status"] == Status.DONE)
    return ended.assign(score=normalised_score(losses, references.fillna(1.0)))


def score_matrix(runs: pd.DataFrame) -> pd.DataFrame:
    """Scores of one cell and variant, seeds x tasks, over the seeds that every task has."""
    return with_scores(runs).pivot_table(index="seed", columns=TASK_GROUP, values="score", sort=False).dropna()


def scores(runs: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """One row per cell and variant, over all of its tasks: the group and SCORES, `score` as `Interval`."""

    def row(group: pd.DataFrame) -> dict[str, Any]:
        matrix = score_matrix(group)
        done = group[group["status"] == Status.DONE]
        return {
            "tasks": matrix.shape[1],
            "runs": matrix.shape[0],
            "left_out": int(group["status"].isin(ENDED).sum()) - matrix.size,
            "at_stop": int(stopped_by_solving(group).sum()),
            "score": interquartile_mean(matrix.to_numpy(), generator),
            "baseline": SAME_DATA if BASELINE in done and done[BASELINE].notna().all() else EXPECTED,
        }

    return rows_by(CELL, runs[runs["task"].isin(with_scores(runs)["task"])], row)
