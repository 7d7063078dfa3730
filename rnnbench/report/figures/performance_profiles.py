"""Fraction of runs that are as good as a threshold, over all tasks."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogLocator, NullFormatter

from rnnbench.analysis.loss_comparison import budgets_trained, losses_of
from rnnbench.analysis.loss_scale import baselines, is_logarithmic
from rnnbench.analysis.milestones import SOLVED, steps_to, trained_runs, with_milestone
from rnnbench.analysis.results import Results
from rnnbench.analysis.scoring import performance_profile
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.component import Figure
from rnnbench.report.labels import variant_label
from rnnbench.report.style import SMALLEST, CellStyles, column_width, marked
from rnnbench.schema import TASK_GROUP

LOSSES = {True: "test loss / best constant's", False: "test loss"}
"""With a baseline and without."""
WORST = 1e9
"""Stands for a run that diverged or failed, beyond every threshold."""


class PerformanceProfiles(Figure):
    """Fraction of runs, over all tasks, at or below each threshold; the further up and left, the better.

    Where all runs of a task trained equally many steps, thresholds are of the test loss over that of the best
    constant on the same data, or, of one task without a baseline, of the test loss. Otherwise, since a loss at which a
    run stopped says when it stopped, of the training steps to solve the task. Runs that diverged or failed are never
    below. Bands are pointwise 95% bootstrap intervals, runs resampled within each task. Only seeds that a cell has on
    all of its tasks count. Of more than eight cells, instead of curves, the thresholds that a quarter, half and three
    quarters of a cell's runs are below: a bar with a dot at the half.
    """

    needs = ("test_loss", "steps_trained", "steps_to_solve")
    intervals = "95% over seeds, for each threshold alone: percentile bootstrap of the runs, stratified by task"

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        runs = _apart(trained_runs(results.runs))
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
        over = f"of runs, {tasks} tasks" if tasks > 1 else "of runs"
        quantity = LOSSES[bool(has_baseline)] if by_loss else "training steps to solve"
        if runs["cell"].nunique() > drawing.MOST_CELLS:
            return _quartiles(runs, styles, quantity, over, logarithmic)
        thresholds = _thresholds(reached, logarithmic)
        canvas = drawing.canvas_of(column_width(), 2.4)
        axes = canvas.subplots()
        for label, group, style in drawing.lines(runs, styles):
            fractions = _profile(group, thresholds)
            low, high = fractions["low"], fractions["high"]
            axes.plot(thresholds, fractions["estimate"], label=label, **marked(style, len(thresholds)))
            axes.fill_between(thresholds, low, high, color=style["color"], alpha=0.15, linewidth=0)
        axes.set(
            xscale="log" if logarithmic else "linear", ylim=(0, 1.02), xlim=(thresholds[0], thresholds[-1]),
            ylabel=f"fraction {over}", xlabel=f"{quantity}, at most",
        )  # fmt: skip
        if logarithmic:
            axes.xaxis.set_major_locator(LogLocator(numticks=6))
        drawing.legend_above(canvas, {"95% interval": drawing.band()})
        return canvas


def _apart(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with settings of the task, such as its group, in the task's name: they make tasks, no variants."""
    own = [variant_label(drawing.part(variant, of_the_task=True)) for variant in runs["variant"]]
    rest = [drawing.part(variant, of_the_task=False) for variant in runs["variant"]]
    tasks = [" ".join(filter(None, each)) for each in zip(runs["task"], own, strict=True)]
    return runs.assign(task=tasks, variant=pd.Series(rest, runs.index, dtype=object))


def _thresholds(reached: "pd.Series[float]", logarithmic: bool) -> Float[np.ndarray, " thresholds"]:
    low, high = float(reached.min()), float(reached.max())
    if logarithmic:
        return np.geomspace(low / 1.5, high * 1.5, 200)
    margin = 0.1 * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, 200)


def _quartiles(runs: pd.DataFrame, styles: CellStyles, quantity: str, over: str, logarithmic: bool) -> Canvas:
    """One row per cell."""
    lines = list(drawing.lines(runs, styles))
    canvas = drawing.canvas_of(column_width(), 0.7 + drawing.ROW_OF_DOTS * len(lines))
    axes = canvas.subplots()
    for place, (_, group, style) in enumerate(lines):
        ordered = np.sort(group["value"].to_numpy(float))
        low, half, high = (ordered[min(len(ordered) - 1, int(part * len(ordered)))] for part in (0.25, 0.5, 0.75))
        if np.isfinite(low):
            reached = ordered[np.isfinite(ordered)].max()
            axes.plot([low, min(high, reached)], [place, place], color=style["color"], linewidth=2.5, alpha=0.5)
        if np.isfinite(half):
            axes.plot(half, place, style["marker"], color=style["color"], markersize=3.5)
        else:
            axes.annotate("fewer than half", (0.98, place), xycoords=("axes fraction", "data"), ha="right", va="center",
                          fontsize=SMALLEST, color="0.3")  # fmt: skip
    axes.set_xlabel(f"{quantity}:\nquartiles {over}")
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=6))
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    drawing.dot_rows(axes, [label for label, *_ in lines])
    return canvas


def has_equal_budgets(runs: pd.DataFrame) -> bool:
    """Whether all runs of each task trained equally many steps, so that their losses compare."""
    return bool((runs.assign(budget=budgets_trained(runs)).groupby(TASK_GROUP)["budget"].nunique() == 1).all())


def relative_losses(runs: pd.DataFrame) -> Float[np.ndarray, " runs"]:
    """Loss on test data over the best constant's, on the same data where that was recorded; of a task without
    one, or with losses that are not above 0, the loss itself; inf for no loss."""
    losses = losses_of(runs)
    references = baselines(runs).where(is_logarithmic(runs)).fillna(1.0).to_numpy()
    return np.asarray(np.where(np.isnan(losses), np.inf, losses) / references)


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
