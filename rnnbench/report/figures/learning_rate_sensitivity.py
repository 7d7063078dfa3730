"""The objective of tuning against the learning rate, or another tuned setting."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullLocator

from rnnbench.analysis.results import Results
from rnnbench.analysis.tuning import VALIDATION_LOSS, candidates
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.component import Figure
from rnnbench.report.style import CellStyles

VALUES = ["mean", "lowest", "highest"]


class LearningRateSensitivity(Figure):
    """What the setting was tuned by against its values, such as learning rates: one panel per task.

    Where a run reached the objective: steps to it, means over the tuning seeds, bands their range; a run that did not
    reach it counts its whole budget, and a triangle marks values with such runs: the truth lies above. Elsewhere: log10
    of the loss on validation data over that of the best constant. A ring marks the value chosen for the
    cell, which all other tables and figures use; where cells share a value their rings are concentric. More than eight
    cells have a panel each.
    """

    needs = ("validation_loss",)
    intervals = "none: bands are the range over seeds"

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        if results.tuned is None:
            raise SettingError("needs a setting that is tuned; add tuned=optimizer.lr")
        table = candidates(results, results.tuned)
        many = drawing.has_many_cells(table)
        rows = drawing.by_cell(table, styles) if many else drawing.by_task(table)
        label = "learning rate" if results.tuned == "optimizer.lr" else results.tuned
        canvas, panels = drawing.grid([title for title, _ in rows], many, label)
        explained: dict[str, Any] = {}
        for axes, (_, of_panel) in zip(panels, rows, strict=True):
            by_steps = bool((of_panel["objective"] != VALIDATION_LOSS).any())
            explained |= _draw(axes, _shown(of_panel, by_steps), styles, named=not many)
            if by_steps:
                axes.set_ylim(bottom=0)
            quantity = _quantity(of_panel, by_steps)
            if many:
                canvas.supylabel(quantity, fontsize=8)
                axes.tick_params(axis="x", rotation=90)
            else:
                axes.set_ylabel(quantity)
                _value_axis(axes, of_panel)
        if many:
            _value_axis(panels[0], table)
        drawing.legend_above(canvas, explained)
        return canvas


def _draw(axes: Axes, rows: pd.DataFrame, styles: CellStyles, named: bool) -> dict[str, Any]:
    """The lines of a panel; returns what the legend has to say of its markers."""
    explained: dict[str, Any] = {}
    for place, (label, group, style) in enumerate(drawing.lines(rows, styles)):
        values, colour = group["value"], style["color"]
        axes.plot(values, group["mean"], label=label if named else "_", marker=".", markersize=4, **style)
        axes.fill_between(values, group["lowest"], group["highest"], color=colour, alpha=0.13, linewidth=0)
        for chosen, marker, size, meaning in (
            (group["censored"], "^", 5, "some runs did not reach it"),
            (group["chosen"], "o", 7 + 3 * place, "chosen"),
        ):
            if chosen.any():  # an empty line upsets the layout
                explained[meaning] = drawing.mark(marker, min(size, 7), hollow=True)
                axes.plot(values[chosen], group["mean"][chosen], marker, color=colour, markersize=size,
                          markerfacecolor="none", clip_on=False)  # fmt: skip
    return explained


def _shown(table: pd.DataFrame, by_steps: bool) -> pd.DataFrame:
    """The rows with what is drawn: steps, cells that did not reach the objective at their budget, or log losses."""
    if by_steps:
        never = table["objective"] == VALIDATION_LOSS
        steps = {name: table[name].where(~never, table["budget"]) for name in VALUES}
        return table.assign(**steps, censored=table["censored"] | never)
    if not _is_logarithmic(table):
        return table
    baseline = np.log10(table["baseline"].fillna(1.0))
    return table.assign(**{name: np.log10(table[name]) - baseline for name in VALUES})


def _quantity(table: pd.DataFrame, by_steps: bool) -> str:
    if by_steps:
        return str(next(name for name in table["objective"] if name != VALIDATION_LOSS)).replace("_", " ")
    over = " over the baseline's" if table["baseline"].notna().any() else ""
    return f"log10 of loss{over}" if _is_logarithmic(table) else "loss"


def _is_logarithmic(table: pd.DataFrame) -> bool:
    return not bool((table[[*VALUES, "baseline"]] <= 0).any(axis=None))


def _value_axis(axes: Axes, table: pd.DataFrame) -> None:
    values = sorted(table["value"].unique())
    if min(values) > 0 and max(values) / min(values) >= 8:
        axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.xaxis.set_minor_locator(NullLocator())
