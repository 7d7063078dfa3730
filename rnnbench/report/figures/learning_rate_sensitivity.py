"""The objective of tuning against the learning rate, or another tuned setting."""

import pandas as pd
from matplotlib.axes import Axes

from rnnbench.analysis.results import Results
from rnnbench.analysis.tuning import VALIDATION_LOSS, candidates
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.component import Figure
from rnnbench.report.labels import cell_label, loss_name, setting_value
from rnnbench.report.sentences import condition, listed
from rnnbench.report.style import CellStyles, text_width
from rnnbench.schema import TASK_GROUP

VALUES = ["mean", "lowest", "highest"]


class LearningRateSensitivity(Figure):
    """What the setting was tuned by against its values, such as learning rates.

    Where a run reached the objective: steps to it, means over the tuning seeds, bars their range; a run that did
    not reach it counts its whole budget, and a triangle marks values with such runs: the truth lies above.
    Elsewhere: the loss on validation data. A ring marks the value chosen for the cell, which all other tables and
    figures use.
    """

    needs = ("validation_loss",)
    intervals = "none: bars are the range over seeds"

    def finding(self, results: Results) -> list[str]:
        """The values chosen, and which are the last of those tried."""
        if results.tuned is None:
            return []
        table = candidates(results, results.tuned)
        several = len(table.groupby(TASK_GROUP)) > 1
        chosen, at_edge = [], []
        for row in table[table["chosen"]].to_dict("records"):
            cell = f"{cell_label(row['cell'], row['variant'], True)} {setting_value(row['value'])}"
            chosen.append(f"{cell} on {condition(row)}" if several else cell)
            at_edge += chosen[-1:] if row["at_edge"] else []
        beyond = [f"At the end of the values tried, so that a better one may lie beyond: {listed(at_edge)}."]
        return [" ".join([f"Chosen: {listed(chosen)}.", *(beyond if at_edge else [])])]

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        if results.tuned is None:
            raise SettingError("needs a setting that is tuned; add tuned=optimizer.lr")
        table = candidates(results, results.tuned)
        many = drawing.has_many_cells(table)
        rows = drawing.by_cell(table, styles) if many else drawing.by_task(table)
        label = "learning rate" if results.tuned == "optimizer.lr" else results.tuned
        quantities = {_quantity(of_panel) for _, of_panel in rows}
        one_task = len(quantities) == 1 and table["task"].nunique() == 1
        columns = None if one_task or len(rows) == 1 or text_width() > 2 * drawing.PANEL_WIDTH else 1
        height = 2.0 if columns is None else min(2.0, 8 / len(rows))
        titles, ylabel = [title for title, _ in rows], " or ".join(sorted(quantities)) if many else ""
        canvas, panels = drawing.grid(titles, many, label, ylabel, columns, row_height=height)
        for axes, (_, of_panel) in zip(panels, rows, strict=True):
            _draw(axes, _shown(of_panel), styles, named=not many)
            if _by_steps(of_panel):
                axes.set_ylim(bottom=0)
                axes.yaxis.set_major_formatter("{x:,.0f}")
            elif (of_panel["lowest"] > 0).all() and of_panel["highest"].max() > 2 * of_panel["lowest"].min():
                drawing.log_axis(axes)
            if many:
                axes.tick_params(axis="x", rotation=90)
            elif len(quantities) > 1 or drawing.is_at_left(axes):
                axes.set_ylabel(drawing.wrapped(_quantity(of_panel), 1.5))
            _value_axis(axes, of_panel)
        return canvas


def _draw(axes: Axes, rows: pd.DataFrame, styles: CellStyles, named: bool) -> None:
    for label, group, style in drawing.lines(rows, styles):
        values, colour = group["value"], style["color"]
        ranges = [group["mean"] - group["lowest"], group["highest"] - group["mean"]]
        label = label if named else "_"
        axes.errorbar(values, group["mean"], ranges, label=label, markersize=3, elinewidth=0.6, **style)
        for chosen, marker, size, meaning in (
            (group["censored"], "^", 5.5, "some runs did not reach it"),
            (group["chosen"], "o", 8.0, "chosen"),
        ):
            if chosen.any():  # an empty line upsets the layout
                drawing.canvas_of(axes).explained[meaning] = drawing.mark(marker, min(size, 7), hollow=True)
                axes.plot(values[chosen], group["mean"][chosen], marker, color=colour, markersize=size,
                          markerfacecolor="none", clip_on=False)  # fmt: skip


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with what is drawn: steps, cells that did not reach the objective at their budget, or losses."""
    if not _by_steps(table):
        return table
    never = table["objective"] == VALIDATION_LOSS
    steps = {name: table[name].where(~never, table["budget"]) for name in VALUES}
    return table.assign(**steps, censored=table["censored"] | never)


def _by_steps(table: pd.DataFrame) -> bool:
    """Whether some cell was tuned by its steps to the objective."""
    return bool((table["objective"] != VALIDATION_LOSS).any())


def _quantity(table: pd.DataFrame) -> str:
    steps = [str(name).replace("_", " ") for name in table["objective"] if name != VALIDATION_LOSS]
    return steps[0] if steps else f"validation {loss_name(table['task'].unique())}"


def _value_axis(axes: Axes, table: pd.DataFrame) -> None:
    values = sorted(table["value"].unique())
    if min(values) > 0 and max(values) / min(values) >= 8:
        axes.set_xscale("log")
    drawing.number_values(axes, values)
