"""The gradient through time, at initialisation and after training."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.gradient_profile import PROBE
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import CellStyles, Line, legend_above, line_panels, panel_grid
from rnnbench.schema import Status

SMALLEST = 1e-38
"""Norms below are 0 in float32: a line ends there, a band goes on down."""


class GradientNorms(Figure):
    """Norm of d loss / d s_t, s_t the top layer's whole state, against the time step t, before and after training.

    One row per task, or per task and cell. Lines are medians over seeds, bands the range over seeds. After training is
    after the last step of each run, runs that diverged left out. A line ends where the norm is 0 in float32.
    """

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        lines = line_panels(results.runs, styles)
        canvas, grid = panel_grid(len(lines), 2)
        drawn = False
        for row, (title, of_row) in zip(grid, lines, strict=True):
            for axes, moment, index in zip(row, ("at initialisation", "after training"), (0, -1), strict=True):
                drawn |= self._panel(axes, results, of_row, index)
                axes.set(title=f"{title}: {moment}", xlabel="time step t", yscale="log")
            smallest, largest = _range([line.get_ydata() for axes in row for line in axes.lines])
            for axes in row:
                axes.set_ylim(smallest / 3, largest * 3)
            row[0].set_ylabel(r"$\Vert\partial\,\mathrm{loss}/\partial s_t\Vert$")
        if not drawn:
            raise SettingError("needs gradient profiles, which no run has; add probe=[gradient_profile]")
        legend_above(canvas)
        return canvas

    def _panel(self, axes: Axes, results: Results, lines: list[Line], index: int) -> bool:
        drawn = False
        for label, group, style in lines:
            if index == -1:
                group = group[group["status"] == Status.DONE]
            profiles = [arrays["norm"][index, -1] for run in group["run"] if (arrays := results.probe(run, PROBE))]
            if not profiles:
                continue
            norms = np.stack(profiles)
            steps = np.arange(1, norms.shape[1] + 1)
            low, median, high = np.quantile(norms, [0, 0.5, 1], axis=0)
            axes.plot(steps, np.where(median > SMALLEST, median, np.nan), label=label, **style)
            low = np.maximum(low, SMALLEST)
            axes.fill_between(steps, low, high, where=high > SMALLEST, color=style["color"], alpha=0.2, linewidth=0)
            drawn = True
        return drawn


def _range(lines: list[Any]) -> tuple[float, float]:
    """Smallest and largest of what is drawn; 1 for both when nothing is."""
    drawn = np.concatenate([*lines, [np.nan]])
    drawn = drawn[~np.isnan(drawn)]
    return (float(drawn.min()), float(drawn.max())) if drawn.size else (1.0, 1.0)
