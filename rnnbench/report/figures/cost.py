"""What a cell costs: time per training step and parameters."""

from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.results import Results
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import CellStyles, panel_grid, panel_titles


class Cost(Figure):
    """One row per task: the median training step of each cell with the backend that ran it, and its parameters.

    Dots are runs, the bar is their median. Backends differ: the times compare kernels as much as cells.
    """

    columns: ClassVar[tuple[str, ...]] = ("step_time_s", "parameters", "backend")

    def draw(self, results: Results, styles: CellStyles) -> Canvas:
        self.need(results.runs, *self.columns)
        titles = panel_titles(results)
        groups = results.runs[["cell", "setting", "backend"]].drop_duplicates()
        canvas, grid = panel_grid(len(titles), 2, row_height=0.5 + 0.22 * len(groups))
        for (left, right), ((task, task_setting), title) in zip(grid, titles.items(), strict=True):
            runs = results.runs[(results.runs["task"] == task) & (results.runs["task_setting"] == task_setting)]
            labels = []
            bars = runs.groupby(["cell", "setting", "backend"], sort=False)
            for place, (key, group) in enumerate(sorted(bars, key=lambda bar: styles.place(str(bar[0][0])))):
                cell, setting, backend = map(str, key)
                labels.append(f"{cell}{f', {setting}' if setting else ''} ({backend})")
                self._bar(left, place, group["step_time_s"] * 1e3, styles, cell)
                self._bar(right, place, group["parameters"] / 1e3, styles, cell)
            for axes in (left, right):
                axes.set(ylim=(len(labels) - 0.5, -0.5), yticks=range(len(labels)), yticklabels=labels)
                axes.grid(visible=False, axis="y")
            right.set_yticklabels([])
            left.set(title=title, xlabel="training step (ms)", xlim=(0, None))
            right.set(title=title, xlabel="parameters (thousands)", xlim=(0, None))
        return canvas

    def _bar(self, axes: Axes, place: int, values: "pd.Series[float]", styles: CellStyles, cell: str) -> None:
        colour = styles.of(cell)["color"]
        axes.barh(place, values.median(), height=0.6, color=colour, alpha=0.6, linewidth=0)
        axes.plot(values, [place] * len(values), ".", color="0.2", markersize=3)
