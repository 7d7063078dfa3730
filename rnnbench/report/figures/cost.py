"""What a cell costs: time per training step and parameters."""

from typing import cast

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import Variant
from rnnbench.report.figures.figure import Figure
from rnnbench.report.labels import cell_label
from rnnbench.report.style import CellStyles, panel_grid, task_panels


class Cost(Figure):
    """Time of a training step and trainable parameters of each cell, one row per task.

    Bars are medians over runs, dots the runs; a run's own value is the median of its training steps. In parentheses the
    backend that ran the cell: with different backends the times compare implementations as much as cells.
    """

    needs = ("step_time_s", "parameters", "backend")

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        panels = task_panels(results.runs)
        groups = results.runs[["cell", "variant", "backend"]].drop_duplicates()
        canvas, grid = panel_grid(len(panels), 2, row_height=0.5 + 0.22 * len(groups))
        for (left, right), (title, runs) in zip(grid, panels, strict=True):
            labels = []
            bars = runs.groupby(["cell", "variant", "backend"], sort=False)
            for place, (key, group) in enumerate(sorted(bars, key=lambda bar: styles.place(str(bar[0][0])))):
                cell, variant, backend = cast(tuple[str, Variant, str], key)
                labels.append(f"{cell_label(cell, variant)} ({backend})")
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
