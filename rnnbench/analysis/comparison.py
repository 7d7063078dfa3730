"""The comparison: one row per task, difficulty, cell and variant, with 95% intervals over seeds.

Where some runs have no value of an interval `x`, the column `x_runs` counts those that have one, so that none is
dropped silently.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnbench.analysis import milestones
from rnnbench.analysis.gradient_profile import decades_by_state, half_life_columns, median_decades, top_layer_norms
from rnnbench.analysis.intervals import UNDEFINED, Interval, exact_rate, mean_interval, median_interval
from rnnbench.analysis.loss_comparison import BASELINE, SCALES, is_logarithmic, mean_loss, with_scale
from rnnbench.analysis.milestones import BUDGET, SOLVED, budgets, check_milestone, has_criterion, reached, steps_to
from rnnbench.analysis.results import Results, numbers, rows_by
from rnnbench.gradient_fit import GradientSummary, HalfLife, NoHalfLife, summarise_gradient
from rnnbench.schema import ENDED, GROUP, Status

INTERVALS: dict[str, str] = {
    "success_rate": "fraction of the runs that reached the milestone, with the exact interval (Clopper & Pearson)",
    "steps_to_milestone": "median training steps to it, by Kaplan-Meier, between order statistics: runs that trained "
    "to their end without it are censored, diverged and failed ones never reach it; inf when fewer than half did",
    "test_loss": "geometric mean of the loss on test data after training, with Student's interval of log10 of the "
    "loss; on a linear scale the arithmetic mean with Student's; where some runs stopped at the criterion and others "
    "did not, which no interval of a mean describes, the median without one",
    "test_measure": "mean of the task's own measure on test data, with Student's interval",
    "step_time_s": "seconds: median over runs of a run's median training step",
    "gradient_decades_lost_initial": "decades that the gradient of the top layer's whole state loses in "
    "backpropagation from the last step to the first, at initialisation: median over runs; negative when it grows; "
    "where a gradient is too small for a number infinite, the lower bound being what is seen, which is no interval",
    "gradient_decades_lost": "the same after training",
    "gradient_half_life_initial": "steps over which the gradient halves in backpropagation through time, at "
    "initialisation: median over the runs where an exponential fits and that halves within the sequence",
    "gradient_half_life": "the same after training",
}
"""The columns of intervals, with 95% bounds over seeds."""

COUNTS: dict[str, str] = {
    "runs": "finished runs, diverged and failed ones included",
    "diverged": "of which diverged",
    "failed": "of which failed",
    "unfinished": "runs that are not finished, and in no other column",
    "budget": "training steps that a run was given",
    "milestone": "what success and steps are of: `solved`, the task's criterion, or a softer milestone",
    "steps_level": "the probability with which the bounds of steps_to_milestone hold the median; 0.9375 for five runs",
    "test_loss_runs": "runs that test_loss is over; diverged and failed ones have none",
    "test_loss_at_stop": "of which stopped as soon as they solved the task: their losses are those at which runs stop, "
    "and are not compared",
    "test_loss_smallest": "the smallest of these losses",
    "test_loss_largest": "the largest",
    "baseline_loss": "the loss of the best constant: geometric mean of that on the runs' own test data "
    "where it was recorded, else its expectation",
    "measure": "the task's own measure, such as accuracy; empty where it has none",
    "step_time_s_runs": "runs that step_time_s is over",
    "times_shared": "of which measured their times under load by other processes; empty where it was not recorded",
    "parameters": "trainable parameters of the model",
    "parameters_recurrent_layers": "of which the recurrent layers': those that cells are compared by",
    "backend": "how the cell was run",
    "gradient_decades_lost_by_state_initial": "gradient_decades_lost_initial of each tensor of the state alone, h "
    "first (of an LSTM h, c), each from its own last step with a gradient; NaN where no number holds it",
    "gradient_decades_lost_by_state": "the same after training",
    "gradient_half_life_initial_runs": "runs that gradient_half_life_initial is over",
    "gradient_half_life_initial_why": "why the others have none",
    "gradient_half_life_runs": "runs that gradient_half_life is over",
    "gradient_half_life_why": "why the others have none",
    **SCALES,
}


def comparison(results: Results, milestone: str = SOLVED) -> pd.DataFrame:
    """One row per task, difficulty, cell and variant: the group, COUNTS and INTERVALS, these as `Interval`.

    Raises SettingError on a milestone of which no run has the steps.
    """
    check_milestone(results.runs, milestone)
    logarithmic = is_logarithmic(results.runs)

    def row(runs: pd.DataFrame) -> dict[str, Any]:
        return _compare(results, runs, milestone, bool(logarithmic[runs.index].all()))

    return with_scale(rows_by(GROUP, results.runs, row), results.runs)


def _compare(results: Results, runs: pd.DataFrame, milestone: str, logarithmic: bool) -> dict[str, Any]:
    ended = runs[runs["status"].isin(ENDED)]
    counted = {"diverged": Status.DIVERGED, "failed": Status.FAILED, "unfinished": Status.RUNNING}
    return {
        "runs": len(ended),
        **{name: int((runs["status"] == status).sum()) for name, status in counted.items()},
        "budget": _one(runs, BUDGET),
        "milestone": milestone,
        **_success(ended, milestone),
        **_losses(ended, logarithmic),
        **_times(ended),
        **{column: _one(runs, column) for column in ("parameters", "parameters_recurrent_layers", "backend")},
        **_gradient(results, ended, "_initial"),
        **_gradient(results, ended[ended["status"] == Status.DONE], ""),
    }


def _success(ended: pd.DataFrame, milestone: str) -> dict[str, Any]:
    """Runs that were not to train have neither success nor steps, nor have those of a task without the criterion."""
    trained = ended[budgets(ended) > 0]
    if milestone == SOLVED and not has_criterion(trained).all():
        return {"success_rate": UNDEFINED, "steps_to_milestone": UNDEFINED, "steps_level": np.nan}
    steps = milestones.median_steps(steps_to(trained, milestone))
    return {
        "success_rate": exact_rate(reached(trained, milestone)),
        "steps_to_milestone": steps.interval,
        "steps_level": steps.level,
    }


def _losses(ended: pd.DataFrame, logarithmic: bool) -> dict[str, Any]:
    tested = ended[numbers(ended, "test_loss").notna()]
    losses, recorded = _known(tested, "test_loss"), _known(tested, BASELINE)
    name, at_stop = _one(ended, "measure"), int(milestones.stopped_by_solving(tested).sum())
    mixed = 0 < at_stop < len(tested)
    return {
        "test_loss": Interval(float(np.median(losses))) if mixed else mean_loss(losses, logarithmic),
        "test_loss_runs": len(tested),
        "test_loss_at_stop": at_stop,
        "test_loss_smallest": losses.min() if losses.size else np.nan,
        "test_loss_largest": losses.max() if losses.size else np.nan,
        "baseline_loss": mean_loss(recorded, logarithmic).estimate if recorded.size else _one(ended, "baseline_loss"),
        "measure": name,
        "test_measure": mean_interval(_known(ended, f"test_{name}")) if name else UNDEFINED,
    }


def _times(ended: pd.DataFrame) -> dict[str, Any]:
    times = _known(ended, "step_time_s")
    shared = numbers(ended, "times_shared")[numbers(ended, "step_time_s").notna()]
    return {
        "step_time_s": median_interval(times),
        "step_time_s_runs": times.size,
        "times_shared": float(shared.sum()) if shared.notna().any() else np.nan,
    }


def _gradient(results: Results, runs: pd.DataFrame, when: str) -> dict[str, Any]:
    """Decades of all runs with a profile; half-lives of those that have one, and why the others have none."""
    decades = f"gradient_decades_lost{when}"
    probed = runs[numbers(runs, decades).notna()]
    found = [_summary(results, run, when) for run in probed.to_dict("records")]
    return {
        decades: median_decades(found),
        f"gradient_decades_lost_by_state{when}": decades_by_state(results, probed["run"], 0 if when else -1),
        **half_life_columns(f"gradient_half_life{when}", [each.half_life for each in found]),
    }


def _summary(results: Results, run: Mapping[Any, Any], when: str) -> GradientSummary:
    """That of the run's stored profile; of a run without one, such as of an external table, what was recorded."""
    if (norms := top_layer_norms(results, run["run"], 0 if when else -1)) is not None:
        return summarise_gradient(norms)
    lost, steps = (pd.to_numeric(run.get(f"gradient_{name}{when}", np.nan)) for name in ("decades_lost", "half_life"))
    half_life = HalfLife(steps, None if np.isfinite(steps) else NoHalfLife.NOT_RECORDED)
    return GradientSummary(lost, lost, np.nan, np.nan, half_life)


def _known(runs: pd.DataFrame, column: str) -> NDArray[np.float64]:
    return np.asarray(numbers(runs, column).dropna(), dtype=np.float64)


def _one(runs: pd.DataFrame, column: str) -> Any:
    """The value that all runs share; several joined by a slash."""
    distinct = list(runs[column].dropna().unique()) if column in runs else []
    return distinct[0] if len(distinct) == 1 else "/".join(map(str, distinct))
