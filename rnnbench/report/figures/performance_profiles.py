"""Fraction of runs that are as good as a threshold, over all tasks."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogLocator

from rnnbench.analysis.aggregates import performance_profile
from rnnbench.analysis.loss_comparison import budgets_trained, losses_of
from rnnbench.analysis.milestones import steps_to, trained_runs
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import COLUMN_WIDTH, CellStyles, band, labelled, legend_above, marked
from rnnbench.schema import TASK_GROUP

WORST = 1e9
"""Stands for a run that diverged or failed, beyond every threshold."""


class PerformanceProfiles(Figure):
    """Fraction of runs, over all tasks, at or below each threshold; the further up and left, the better.

    Where all runs of a task trained equally many steps, thresholds are of the test loss over that of the memoryless
    baseline on the same data. Otherwise, since a loss at which a run stopped says when it stopped, of the training
    steps to solve the task. Runs that diverged or failed are never below. Bands are pointwise 95% bootstrap intervals,
    runs resampled within each task. Only seeds that a cell has on all of its tasks count.
    """

    needs = ("test_loss", "baseline_loss", "steps_trained", "steps_to_solve")
    intervals = "95% over seeds, for each threshold alone: percentile bootstrap of the runs, stratified by task"

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        runs = trained_runs(results.runs)
        if runs.empty:
            raise SettingError("needs trained runs, of which there are none")
        by_loss = has_equal_budgets(runs)
        runs = runs.assign(value=relative_losses(runs) if by_loss else steps_to(runs).steps)
        reached = runs.loc[np.isfinite(runs["value"]), "value"]
        if reached.empty:
            raise SettingError("needs a run that solved its task, or train.stop_when_solved=false, to compare losses")
        thresholds = np.geomspace(reached.min() / 1.5, reached.max() * 1.5, 200)
        canvas = Canvas(figsize=(COLUMN_WIDTH, 2.6), layout="constrained")
        axes = canvas.subplots()
        for label, group, style in labelled(runs, styles):
            fractions = _profile(group, thresholds)
            axes.plot(thresholds, fractions["estimate"], label=label, **marked(style, len(thresholds)))
            axes.fill_between(
                thresholds, fractions["low"], fractions["high"], color=style["color"], alpha=0.15, linewidth=0
            )
        tasks = len(runs.groupby(TASK_GROUP))
        over = f"of runs, {tasks} tasks" if tasks > 1 else "of runs"
        axes.set(
            xscale="log", ylim=(0, 1.02), xlim=(thresholds[0], thresholds[-1]), ylabel=f"fraction {over}",
            xlabel="test loss / memoryless baseline's, at most" if by_loss else "training steps to solve, at most",
        )  # fmt: skip
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
        legend_above(canvas, {"95% interval": band()})
        return canvas


def has_equal_budgets(runs: pd.DataFrame) -> bool:
    """Whether all runs of each task trained equally many steps, so that their losses compare."""
    return bool((runs.assign(budget=budgets_trained(runs)).groupby(TASK_GROUP)["budget"].nunique() == 1).all())


def relative_losses(runs: pd.DataFrame) -> Float[np.ndarray, " runs"]:
    """Loss on test data over the memoryless baseline's, on the same data where that was recorded; inf for no loss."""
    baselines = runs["baseline_loss"].astype(float)
    if "test_baseline_loss" in runs:
        baselines = runs["test_baseline_loss"].astype(float).fillna(baselines)
    return np.asarray(np.nan_to_num(losses_of(runs), nan=np.inf) / baselines.fillna(1.0).to_numpy())


def _profile(runs: pd.DataFrame, thresholds: Float[np.ndarray, " thresholds"]) -> pd.DataFrame:
    """The fraction at or below each threshold with its band."""
    values = runs.assign(value=runs["value"].clip(upper=WORST))
    matrix = values.pivot_table(index="seed", columns=TASK_GROUP, values="value", sort=False).dropna()
    just_above = np.nextafter(thresholds, np.inf)
    return performance_profile(-matrix.to_numpy(), -just_above, np.random.default_rng(0), resamples=1000)
