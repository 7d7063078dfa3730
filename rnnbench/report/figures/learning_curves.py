"""Loss on validation data against training steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report.figures.figure import Figure
from rnnbench.report.labels import loss_name
from rnnbench.report.style import (
    OTHERS,
    CellStyles,
    Line,
    band,
    has_many_cells,
    legend_above,
    line_panels,
    log_axis,
    mark,
    marked,
    panel_grid,
    panels_in_rows,
    say_empty,
    small_panel_grid,
    small_title,
)
from rnnbench.schema import Status

BASELINE = "memoryless baseline"
CARRIED: Mapping[str, Any] = {"linewidth": 0.7, "alpha": 0.7}


class LearningCurves(Figure):
    """Loss on validation data against training steps, one panel per task, or per task and cell.

    Lines are medians over seeds, bands the range over seeds. A run that stopped early keeps its last value, so that
    each point is over all seeds; lines are thin from where the first run stopped. More than eight cells have a panel
    each, with the others in grey. The memoryless baseline, where the
    task has one, is the best predictor that remembers nothing of the sequence.

    `levels` are further horizontal lines: losses by name, such as those of milestones.
    """

    def __init__(
        self, only: Mapping[str, Sequence[Any]] | None = None, levels: Mapping[str, float] | None = None
    ) -> None:
        super().__init__(only)
        self.levels = levels or {}

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        histories = results.histories()
        if "validation_loss" not in histories:
            raise SettingError("needs histories with validation losses, which no run has")
        histories = histories.dropna(subset="validation_loss")
        lines = line_panels(results.runs, styles)
        if has_many_cells(results.runs):
            return self._small(lines, histories, results)
        columns = panels_in_rows(len(lines))
        canvas, grid = panel_grid(-(-len(lines) // columns), columns)
        panels = [axes for row in grid for axes in row]
        for axes in panels[len(lines) :]:
            axes.set_axis_off()
        symbols: dict[str, Line2D] = {}
        for axes, (title, of_panel) in zip(panels, lines, strict=False):
            self._panel(axes, of_panel, histories, symbols)
            axes.set(title=title, xlabel="training step")
        for row in grid:
            row[0].set_ylabel(f"validation {loss_name(results.runs['task'].unique())}")
        legend_above(canvas, {"range over seeds": band(), **symbols})
        return canvas

    def _small(self, lines: list[tuple[str, list[Line]]], histories: pd.DataFrame, results: Results) -> Canvas:
        """A panel for each cell, those of the others in grey."""
        canvas, panels = small_panel_grid(len(lines))
        symbols: dict[str, Any] = {}
        medians = {title: _losses(histories, of_panel[0][1]["run"]).ffill().median(axis=1) for title, of_panel in lines}
        logarithmic = not (histories["validation_loss"] <= 0).any()  # of all panels, which share an axis
        for axes, (title, of_panel) in zip(panels, lines, strict=True):
            task = title.rpartition(": ")[0]
            for other, median in medians.items():
                if other != title and other.rpartition(": ")[0] == task:
                    axes.plot(median.index, median, **OTHERS)
            unnamed = [(f"_{label}", group, style) for label, group, style in of_panel]
            self._panel(axes, unnamed, histories, symbols, logarithmic)
            small_title(axes, title)
        canvas.supxlabel("training step", fontsize=8)
        canvas.supylabel(f"validation {loss_name(results.runs['task'].unique())}", fontsize=8)
        others = Line2D([], [], color=OTHERS["color"], linewidth=1)
        legend_above(canvas, {"range over seeds": band(), "the other cells": others, **symbols})
        return canvas

    def _panel(
        self,
        axes: Axes,
        lines: list[Line],
        histories: pd.DataFrame,
        symbols: dict[str, Line2D],
        logarithmic: bool = True,
    ) -> None:
        drawn = [
            (label, group, style, losses)
            for label, group, style in lines
            if not (losses := _losses(histories, group["run"])).empty
        ]
        if not drawn:
            say_empty(axes, "no run has a history")
            return
        known = pd.concat([group.get("baseline_loss", pd.Series(dtype=float)) for _, group, *_ in lines]).dropna()
        baseline = {BASELINE: float(known.iloc[0])} if len(known) else {}
        for label, group, style, losses in drawn:
            whole = losses.ffill()
            stopped = int(losses.notna().iloc[::-1].idxmax().min())
            median = whole.median(axis=1)
            own = median[:stopped]
            axes.plot(own.index, own, label=label, **marked(style, len(own)))
            if stopped < whole.index[-1]:
                axes.plot(median[stopped:].index, median[stopped:], **{**style, **CARRIED})
                symbols["some stopped: last values kept"] = Line2D([], [], color="0.3", **CARRIED)
            axes.fill_between(whole.index, whole.min(axis=1), whole.max(axis=1), color=style["color"], alpha=0.15, lw=0)
            evaluated = group.loc[group["run"].isin(list(losses)), ["run", "seed", "status", "solved"]]
            for run in evaluated.to_dict("records"):
                own = losses[run["run"]].dropna()
                _mark_the_end(axes, run, own, losses.index[-1], style, symbols)
        for number, (name, level) in enumerate({**baseline, **self.levels}.items()):
            axes.axhline(level, color="0.3", linewidth=0.8, linestyle=(0, (2, 2 + 3 * number)), label=name, zorder=1)
        lowest = [*(losses.min().min() for *_, losses in drawn), *baseline.values(), *self.levels.values()]
        if logarithmic and min(lowest) > 0:
            log_axis(axes)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter("{x:,.0f}")


def _losses(histories: pd.DataFrame, runs: "pd.Series[str]") -> pd.DataFrame:
    """Steps x runs, NaN where a run was not evaluated."""
    own = histories[histories["run"].isin(runs)]
    return own.pivot_table(index="step", columns="run", values="validation_loss")


def _mark_the_end(
    axes: Axes,
    run: Mapping[Any, Any],
    losses: "pd.Series[float]",
    last: float,
    style: Mapping[str, Any],
    symbols: dict[str, Line2D],
) -> None:
    """A cross where a run diverged, a dot where one stopped as solved; both go to the legend's symbols."""
    if run["status"] == Status.DIVERGED:
        symbols["diverged"] = mark("x", 5)
        axes.plot(losses.index[-1], losses.iloc[-1], "x", color=style["color"], markersize=5)
    elif run["solved"] and losses.index[-1] < last:
        symbols["stopped: solved"] = mark(".", 5)
        axes.plot(losses.index[-1], losses.iloc[-1], ".", color="black", markersize=3.5)
