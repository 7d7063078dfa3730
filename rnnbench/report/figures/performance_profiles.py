"""Fraction of runs that are as good as a threshold, over all tasks."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.ticker import LogLocator

from rnnbench.analysis.loss_comparison import baselines, has_equal_budgets, is_logarithmic, relative_losses
from rnnbench.analysis.milestones import SOLVED, steps_to, trained_runs, with_milestone
from rnnbench.analysis.results import Results
from rnnbench.analysis.scoring import performance_profile
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.component import Figure
from rnnbench.report.labels import RELATIVE_LOSS
from rnnbench.report.style import CellStyles, marked
from rnnbench.schema import TASK_GROUP

WORST = 1e9
"""Stands for a run that diverged or failed, beyond every threshold."""


class PerformanceProfiles(Figure):
    """Fraction of runs, over all tasks, at or below each threshold; the further up and left, the better.

    Where all runs of a task trained equally many steps, thresholds are of the test loss over that of the best
    constant on the same data, or, of one task without a baseline, of the test loss. Otherwise, since a loss at which a
    run stopped says when it stopped, of the training steps to solve the task. Runs that diverged or failed are never
    below. Bands are pointwise 95% bootstrap intervals, runs resampled within each task. Only seeds that a cell has on
    all of its tasks count.
    """

    needs = ("test_loss", "steps_trained", "steps_to_solve")
    intervals = "95% over seeds, for each threshold alone: percentile bootstrap of the runs, stratified by task"

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        runs = _by_task(trained_runs(results.runs))
        if runs.empty:
            raise SettingError("needs trained runs, of which there are none")
        by_loss = has_equal_budgets(runs)
        runs = comparable(runs) if by_loss else with_milestone(runs, SOLVED)
        logarithmic = not by_loss or bool(is_logarithmic(runs).all())
        has_baseline = logarithmic and baselines(runs).notna().any()
        runs = runs.assign(value=relative_losses(runs) if by_loss else steps_to(runs).steps)
        reached = runs.loc[np.isfinite(runs["value"]), "value"]
        if reached.empty:
            raise SettingError("needs a run that solved its task, or train.stop_when_solved=false, to compare losses")
        tasks = len(runs.groupby(TASK_GROUP))
        quantity = RELATIVE_LOSS[bool(has_baseline)] if by_loss else "training steps to solve"
        labels = f"{quantity}, at most", f"fraction of runs, {tasks} tasks" if tasks > 1 else "fraction of runs"
        thresholds, lines = _thresholds(reached, logarithmic), list(drawing.lines(runs, styles))
        many = drawing.has_many_cells(runs)
        titles = [label for label, *_ in lines] if many else [""]
        canvas, panels = drawing.grid(titles, many, *labels, row_height=2.1)
        for place, (label, group, style) in enumerate(lines):
            axes, fractions = panels[place if many else 0], _profile(group, thresholds)
            low, high = fractions["low"], fractions["high"]
            label = "_" if many else label
            axes.plot(thresholds, fractions["estimate"], label=label, **marked(style, len(thresholds)))
            axes.fill_between(thresholds, low, high, color=style["color"], alpha=0.15, linewidth=0)
        for axes in panels:
            axes.set(xscale="log" if logarithmic else "linear", ylim=(0, 1.02), xlim=(thresholds[0], thresholds[-1]))
            if logarithmic:
                axes.xaxis.set_major_locator(LogLocator(numticks=3 if many else 6))
        canvas.explained["95% interval"] = drawing.band()
        return canvas


def _by_task(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with settings of the task, such as its group, in the task's name: they make tasks, no variants."""
    labels, rest = drawing.task_settings(runs)
    tasks = [" ".join(filter(None, each)) for each in zip(runs["task"], labels, strict=True)]
    return runs.assign(task=tasks, variant=rest)


def _thresholds(reached: "pd.Series[float]", logarithmic: bool) -> Float[np.ndarray, " thresholds"]:
    low, high = float(reached.min()), float(reached.max())
    if logarithmic:
        return np.geomspace(low / 1.5, high * 1.5, 200)
    margin = 0.1 * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, 200)


def comparable(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs whose losses can be drawn on one axis: of tasks with a baseline and all losses above 0, or all where
    there is one task.

    Raises SettingError where there is neither.
    """
    if len(runs.groupby(TASK_GROUP)) == 1:
        return runs
    having = runs[baselines(runs).notna().groupby(runs["task"]).transform("any") & is_logarithmic(runs)]
    if having.empty:
        raise SettingError(
            "needs one task, or tasks with a known best constant, to compare losses; choose some by only"
        )
    return having


def _profile(runs: pd.DataFrame, thresholds: Float[np.ndarray, " thresholds"]) -> pd.DataFrame:
    """The fraction at or below each threshold with its band."""
    values = runs.assign(value=runs["value"].clip(upper=WORST))
    matrix = values.pivot_table(index="seed", columns=TASK_GROUP, values="value", sort=False).dropna()
    just_above = np.nextafter(thresholds, np.inf)
    return performance_profile(-matrix.to_numpy(), -just_above, np.random.default_rng(0), resamples=1000)
