"""How long a task a cell solves: success rate by length, and the longest length that it solves."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from rnnbench.analysis.intervals import CONFIDENCE, RESAMPLES, UNDEFINED, Interval, exact_rate
from rnnbench.analysis.milestones import SOLVED, budgets, check_milestone, reached, with_milestone
from rnnbench.analysis.results import rows_by
from rnnbench.errors import SettingError
from rnnbench.schema import ENDED

GROUP = ["task", "cell", "variant"]

LONGEST: dict[str, str] = {
    "runs": "finished runs at all lengths, diverged and failed ones included",
    "lengths": "the lengths that were tested",
    "budgets": "training steps that the runs were given: all of what follows is within these",
    "milestone": "what is to be reached: `solved`, the task's criterion, or a softer milestone",
    "longest_solvable_length": "the longest tested length such that it and every shorter one is solved by at least "
    "half of the runs within their budget; 0 when the shortest is not",
    "at_longest_tested": "whether that is the longest length tested, so that the true one may be longer still",
}


def lengths(runs: pd.DataFrame) -> "pd.Series[float]":
    """The difficulty of each run's task as a number. Raises SettingError for a task whose difficulty is none."""
    for task, setting, value in runs[["task", "difficulty_setting", "difficulty"]].itertuples(False, None):
        if isinstance(value, str | bool | np.bool_):
            raise SettingError(f"task={task}: its difficulty is {setting}={value}; choose tasks with a length")
    return runs["difficulty"].astype(float)


def success_by_length(runs: pd.DataFrame, milestone: str = SOLVED) -> pd.DataFrame:
    """One row per task, cell, variant and length: the group, `length`, `runs` and `success_rate`, an `Interval`.

    Diverged and failed runs count as not having reached the milestone. Raises SettingError as `solvable_lengths` does.
    """
    check_milestone(runs, milestone)
    return rows_by(
        [*GROUP, "length"],
        _ended(runs, milestone),
        lambda group: {"runs": len(group), "success_rate": exact_rate(reached(group, milestone))},
    )


def solvable_lengths(runs: pd.DataFrame, generator: np.random.Generator, milestone: str = SOLVED) -> pd.DataFrame:
    """One row per task, cell and variant: the group and LONGEST, with `longest_solvable_length` as `Interval`.

    Raises SettingError on a milestone of which no run has the steps, and on a task without a length.
    """
    check_milestone(runs, milestone)

    def row(group: pd.DataFrame) -> dict[str, Any]:
        longest = longest_solvable_length(group["length"].to_numpy(float), reached(group, milestone), generator)
        tested = sorted(group["length"].unique())
        return {
            "runs": len(group),
            "lengths": tuple(map(float, tested)),
            "budgets": tuple(sorted(set(budgets(group)))),
            "milestone": milestone,
            "longest_solvable_length": longest,
            "at_longest_tested": bool(longest.estimate == tested[-1]),
        }

    return rows_by(GROUP, _ended(runs, milestone), row)


def _ended(runs: pd.DataFrame, milestone: str) -> pd.DataFrame:
    ended = with_milestone(runs[runs["status"].isin(ENDED)], milestone)
    return ended.assign(length=lengths(ended))


def longest_solvable_length(
    lengths: Float[np.ndarray, " runs"],
    solved: Bool[np.ndarray, " runs"],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Interval:
    """The longest tested length such that it and every shorter one is solved by at least half of the runs.

    The runs are of one cell, their lengths in steps; 0 when the shortest is not solved. The bounds are the 2.5% and
    97.5% points of the bootstrap that resamples the runs within each length. They are equal when the runs agree at
    every length, and with three runs cover less than 95%, about 88% where success falls slowly with length. NaN bounds
    when a length has one run only; no runs are NaN throughout.
    """
    if lengths.size == 0:
        return UNDEFINED
    tested, place = np.unique(lengths, return_inverse=True)
    runs = np.bincount(place)
    rates = np.bincount(place, weights=solved) / runs
    ladder = np.concatenate([[0.0], tested])

    def longest(rates: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(ladder[np.cumprod(rates >= 0.5, axis=-1).sum(axis=-1)])

    if runs.min() == 1:
        return Interval(float(longest(rates)))
    # Drawing n outcomes with replacement from k successes and n - k failures is drawing Binomial(n, k/n) successes.
    resampled = longest(generator.binomial(runs, rates, size=(resamples, runs.size)) / runs)
    tails = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    return Interval(float(longest(rates)), *np.quantile(resampled, tails, method="inverted_cdf").tolist())
