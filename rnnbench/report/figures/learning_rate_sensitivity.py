"""The objective of tuning against the learning rate, or another tuned setting."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from rnnbench.analysis.loss_scale import decades_over_baseline
from rnnbench.analysis.results import Results
from rnnbench.analysis.tuning import VALIDATION_LOSS, candidates
from rnnbench.errors import SettingError
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import (
    CellStyles,
    has_many_cells,
    labelled,
    legend_above,
    mark,
    panel_grid,
    panels_in_rows,
    small_panel_grid,
    small_title,
    task_panels,
)

MEANS, LOWEST, HIGHEST = "mean", "lowest", "highest"


class LearningRateSensitivity(Figure):
    """What the setting was tuned by against its values, such as learning rates: one panel per task.

    Where a run reached the objective: steps to it, means over the tuning seeds, bands their range; a run that did not
    reach it counts its whole budget, and a triangle marks values with such runs: the truth lies above. Elsewhere: log10
    of the loss on validation data over that of the best predictor without memory. A ring marks the value chosen for the
    cell, which all other tables and figures use; where cells share a value their rings are concentric. More than eight
    cells have a panel each.
    """

    needs = ("validation_loss",)
    intervals = "none: bands are the range over seeds"

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        if results.tuned is None:
            raise SettingError("needs a setting that is tuned; add tuned=optimizer.lr")
        table = candidates(results, results.tuned)
        tasks = task_panels(table)
        columns = panels_in_rows(len(tasks))
        if has_many_cells(table):
            of_cells = [
                (f"{title}: {cell}" if len(tasks) > 1 else cell, of_task[of_task["cell"] == cell])
                for title, of_task in tasks
                for cell in styles.ordered(of_task["cell"].unique())
            ]
            return _small(of_cells, styles, results.tuned)
        canvas, grid = panel_grid(-(-len(tasks) // columns), columns)
        panels = [axes for row in grid for axes in row]
        for axes in panels[len(tasks) :]:
            axes.set_axis_off()
        symbols: dict[str, Line2D] = {}
        for axes, (title, of_task) in zip(panels, tasks, strict=False):
            _draw_task(axes, of_task, styles, symbols)
            _value_axis(axes, sorted(of_task["value"].unique()))
            axes.set(title=title, xlabel=_axis_label(results.tuned))
        legend_above(canvas, symbols)
        return canvas


def _small(of_cells: list[tuple[str, pd.DataFrame]], styles: CellStyles, setting: str) -> Canvas:
    """A panel for each cell."""
    canvas, panels = small_panel_grid(len(of_cells))
    symbols: dict[str, Line2D] = {}
    for axes, (title, of_cell) in zip(panels, of_cells, strict=True):
        _draw_task(axes, of_cell, styles, symbols, label="_")
        label = axes.get_ylabel()
        axes.set_ylabel("")
        small_title(axes, title)
    values = sorted(set().union(*(set(of_cell["value"]) for _, of_cell in of_cells)))
    _value_axis(panels[0], values)
    for axes in panels:
        axes.tick_params(axis="x", rotation=90)
    canvas.supxlabel(_axis_label(setting), fontsize=8)
    canvas.supylabel(label, fontsize=8)
    legend_above(canvas, symbols)
    return canvas


def _draw_task(
    axes: Axes, of_task: pd.DataFrame, styles: CellStyles, symbols: dict[str, Line2D], label: str | None = None
) -> None:
    """The lines of one task: steps where a cell reached the objective; cells that did not then lie at the budget.

    What its markers mean goes to the legend's symbols.
    """
    by_steps = bool((of_task["objective"] != VALIDATION_LOSS).any())
    for place, (own, group, style) in enumerate(labelled(_shown(of_task, by_steps), styles)):
        axes.plot(group["value"], group[MEANS], label=label or own, marker=".", markersize=4, **style)
        axes.fill_between(group["value"], group[LOWEST], group[HIGHEST], color=style["color"], alpha=0.13, linewidth=0)
        for marked, marker, size, meaning in (
            (group["censored"], "^", 5, "some runs did not reach it"),
            (group["chosen"], "o", 7 + 3 * place, "chosen"),
        ):
            if marked.any():  # an empty line upsets the layout
                symbols[meaning] = mark(marker, min(size, 7), hollow=True)
                axes.plot(
                    group["value"][marked], group[MEANS][marked], marker, color=style["color"], markersize=size,
                    markerfacecolor="none", clip_on=False,
                )  # fmt: skip
    if by_steps:
        axes.set_ylim(bottom=0)
        objective = next(name for name in of_task["objective"] if name != VALIDATION_LOSS)
        axes.set_ylabel(objective.replace("_", " "))
    else:
        over = " over the baseline's" if of_task["baseline"].notna().any() else ""
        axes.set_ylabel(f"log10 of loss{over}" if _is_logarithmic(of_task) else "loss")


def _shown(table: pd.DataFrame, by_steps: bool) -> pd.DataFrame:
    """The rows with what is drawn as mean, lowest and highest."""
    if by_steps:
        never = table["objective"] == VALIDATION_LOSS
        budget = table["budget"]
        steps = {name: table[name].where(~never, budget) for name in (MEANS, LOWEST, HIGHEST)}
        return table.assign(**steps, censored=table["censored"] | never)
    if not _is_logarithmic(table):
        return table
    losses = table.assign(baseline=table["baseline"].fillna(1.0))
    logs = {}
    for name in (MEANS, LOWEST, HIGHEST):
        known = losses[name].notna()
        logs[name] = pd.Series(np.nan, index=table.index)
        logs[name][known] = decades_over_baseline(
            losses.loc[known, name].to_numpy(float), losses.loc[known, "baseline"].to_numpy(float)
        )
    return table.assign(**logs)


def _is_logarithmic(table: pd.DataFrame) -> bool:
    return not bool((table[[MEANS, LOWEST, HIGHEST, "baseline"]] <= 0).any(axis=None))


def _value_axis(axes: Axes, values: list[float]) -> None:
    if min(values) > 0 and max(values) / min(values) >= 8:
        axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.xaxis.set_minor_locator(NullLocator())


def _axis_label(setting: str) -> str:
    return "learning rate" if setting == "optimizer.lr" else setting
