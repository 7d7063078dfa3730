"""The comparison: one row per task, difficulty, cell and variant, with 95% intervals over seeds."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.intervals import Interval, mean_interval, median_interval
from rnnbench.analysis.results import Results
from rnnbench.analysis.solving import median_steps_to_solve, success_rate
from rnnbench.schema import ENDED, GROUP, Status

INTERVALS: dict[str, str] = {
    "success_rate": "fraction of runs that met the task's criterion, with Wilson's interval",
    "steps_to_solve": "median training steps to meet it, by Kaplan-Meier: unsolved runs are censored, diverged ones "
    "never solve; inf when fewer than half solved",
    "test_loss": "mean loss on test data after training, over the runs that did not diverge, with Student's interval",
    "step_time_s": "seconds: median over runs of a run's median training step",
    "gradient_half_life_initial": "steps over which the gradient halves on its way back through time, at "
    "initialisation: median over runs",
    "gradient_half_life": "the same after training",
}
"""The columns of intervals, with 95% bounds over seeds."""

COUNTS: dict[str, str] = {
    "runs": "finished runs, diverged and failed ones included",
    "diverged": "of which diverged",
    "failed": "of which failed",
    "unfinished": "runs that are not finished",
    "baseline_loss": "the loss of the best predictor without memory",
    "parameters": "trainable parameters",
    "backend": "how the cell was run",
}


def comparison(results: Results) -> pd.DataFrame:
    """One row per task, difficulty, cell and variant: the group, COUNTS and INTERVALS, these as `Interval`."""
    rows = [
        dict(zip(GROUP, key, strict=True)) | _compare(runs) for key, runs in results.runs.groupby(GROUP, sort=False)
    ]
    return pd.DataFrame(rows)


def _compare(runs: pd.DataFrame) -> dict[str, Any]:
    status = runs["status"]
    ended = runs[status.isin(ENDED)]
    return {
        "runs": len(ended),
        "diverged": int((status == Status.DIVERGED).sum()),
        "failed": int((status == Status.FAILED).sum()),
        "unfinished": int((status == Status.RUNNING).sum()),
        "baseline_loss": _one(runs, "baseline_loss"),
        "parameters": _one(runs, "parameters"),
        "backend": _one(runs, "backend"),
        "success_rate": success_rate(ended["solved"].to_numpy(bool)),
        "steps_to_solve": _steps_to_solve(ended[ended["status"] != Status.FAILED]),
        "test_loss": _over(runs, "test_loss", mean_interval),
        **{
            name: _over(runs, name, median_interval)
            for name in ("step_time_s", "gradient_half_life_initial", "gradient_half_life")
        },
    }


def _steps_to_solve(runs: pd.DataFrame) -> Interval:
    steps = runs["steps_to_solve"].fillna(runs["steps_trained"]).to_numpy(float)
    return median_steps_to_solve(
        steps, runs["solved"].to_numpy(bool), (runs["status"] == Status.DIVERGED).to_numpy(bool)
    )


def _over(runs: pd.DataFrame, column: str, statistic: Callable[[Any], Interval]) -> Interval:
    """The statistic of the column's values, NaN being the runs that have none."""
    values = runs[column].dropna().to_numpy(float) if column in runs else np.array([])
    return statistic(values)


def _one(runs: pd.DataFrame, column: str) -> Any:
    """The value that all runs share; several joined by a slash."""
    values: Iterable[Any] = runs[column].dropna().unique() if column in runs else []
    distinct = list(values)
    return distinct[0] if len(distinct) == 1 else "/".join(map(str, distinct))
