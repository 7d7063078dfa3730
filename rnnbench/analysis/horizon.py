"""How far a cell reaches: success against the task's length, and the longest length that it solves."""

from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import FINISHED
from rnnbench.analysis.solving import longest_solvable_length, success_rate

GROUP = ["task", "cell", "setting"]

SUCCESS: dict[str, str] = {
    "length": "the task's difficulty",
    "runs": "finished runs, diverged and failed ones included",
    "solved_share": "share of them that met the task's criterion, with Wilson's interval",
}

LONGEST: dict[str, str] = {
    "runs": "finished runs at all lengths, diverged and failed ones included",
    "lengths": "the lengths that were tested",
    "longest_solvable_length": "the longest tested length such that it and every shorter one is solved by at least "
    "half of the runs; 0 when the shortest is not",
    "reaches_the_end": "whether that is the longest length tested, so that the true one may be longer",
}


def lengths(runs: pd.DataFrame) -> "pd.Series[float]":
    """The difficulty of each run's task as a number. Raises ValueError for a task whose difficulty is none."""
    values = pd.Series(np.nan, index=runs.index)
    for (task, name), group in runs.groupby(["task", "difficulty"]):
        column = f"task.{name}"
        if column not in runs:
            raise ValueError(f"task={task}: has no setting {name} to draw against; choose tasks with a length")
        values[group.index] = pd.to_numeric(group[column])
    return values


def success_by_length(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per task, cell, setting and length: the group and SUCCESS."""
    ended = _ended(runs)
    rows = []
    for key, group in ended.groupby([*GROUP, "length"], sort=False):
        rate = success_rate(group["solved"].to_numpy(bool))
        row: dict[str, Any] = dict(zip([*GROUP, "length"], key, strict=True))
        bounds = {"solved_share": rate.estimate, "solved_share_low": rate.low, "solved_share_high": rate.high}
        rows.append(row | {"runs": len(group)} | bounds)
    return pd.DataFrame(rows)


def solvable_lengths(runs: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """One row per task, cell and setting: the group and LONGEST."""
    rows = []
    for key, group in _ended(runs).groupby(GROUP, sort=False):
        longest = longest_solvable_length(group[["length", "solved"]], generator)
        tested = sorted(group["length"].unique())
        rows.append(
            dict(zip(GROUP, key, strict=True))
            | {
                "runs": len(group),
                "lengths": " ".join(f"{length:g}" for length in tested),
                "longest_solvable_length": longest.estimate,
                "longest_solvable_length_low": longest.low,
                "longest_solvable_length_high": longest.high,
                "reaches_the_end": bool(longest.estimate == tested[-1]),
            }
        )
    return pd.DataFrame(rows)


def _ended(runs: pd.DataFrame) -> pd.DataFrame:
    ended = runs[runs["status"].isin(FINISHED)]
    return ended.assign(length=lengths(ended))
