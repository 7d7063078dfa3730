"""The gradient through time, at initialisation and after training."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from rnnbench.analysis.gradient_profile import PROBE, relative_gradients
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report.figures.figure import Figure
from rnnbench.report.labels import loss_behind_gradient
from rnnbench.report.style import (
    FORMULA,
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
    small_panel_grid,
    small_title,
)
from rnnbench.schema import Status

MOMENTS = {"at initialisation": 0, "after training": -1}

Profiles = dict[str, Float[np.ndarray, " time_step"]]
"""log10(g_t / g_T) by run."""


class GradientNorms(Figure):
    """The gradient through time relative to its end, g_t / g_T, before and after training.

    g_t is the norm of d loss / d s_t, s_t the top layer's whole state after step t: of an LSTM h and c together. Lines
    are medians over seeds, bands the range over seeds. After training is after the last step of each run, runs that
    diverged left out. An open triangle marks where a line ends because single precision rounds the gradient to zero
    before that step. More than eight cells have a panel each.
    """

    needs = ("backend", "steps_trained")

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        lines = line_panels(results.runs, styles)
        moments = MOMENTS if (results.runs["steps_trained"] > 0).any() else {"at initialisation": 0}
        if has_many_cells(results.runs):
            return self._small(lines, results, moments)
        canvas, grid = panel_grid(len(lines), len(moments), row_height=2.0)
        drawn = False
        for row, (title, of_row) in zip(grid, lines, strict=True):
            profiles = _profiles(results, of_row, moments)
            for axes, moment in zip(row, moments, strict=True):
                drawn |= self._panel(axes, of_row, profiles[moment])
                axes.set(title=f"{title}: {moment}", xlabel="time step t", yscale="log")
                axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10]))
            _share_range(row)
            row[0].set_ylabel(r"gradient $g_t\,/\,g_T$", gid=FORMULA)
        if not drawn:
            raise SettingError("needs gradient profiles, which no run has; add probe=[gradient_profile]")
        explained = {"range over seeds": band(), **_symbols(canvas)}
        legend_above(canvas, explained, f"gradient of {loss_behind_gradient(results.runs)}")
        return canvas

    def _small(self, lines: list[tuple[str, list[Line]]], results: Results, moments: dict[str, int]) -> Canvas:
        """A panel for each cell with both moments."""
        canvas, panels = small_panel_grid(len(lines))
        looks: dict[str, Any] = {"at initialisation": (0, (2, 1.2)), "after training": "-"}
        drawn = False
        for axes, (title, of_panel) in zip(panels, lines, strict=True):
            profiles = _profiles(results, of_panel, moments)
            for moment in moments:
                look = {"linestyle": looks[moment], "linewidth": 1.0}
                unnamed = [(f"_{label}", group, {**style, **look}) for label, group, style in of_panel]
                drawn |= self._panel(axes, unnamed, profiles[moment])
            axes.set_yscale("log")
            small_title(axes, title)
        if not drawn:
            raise SettingError("needs gradient profiles, which no run has; add probe=[gradient_profile]")
        _share_range(panels)
        canvas.supxlabel("time step t", fontsize=8)
        canvas.supylabel(r"gradient $g_t\,/\,g_T$", fontsize=8, gid=FORMULA)
        handles = {moment: Line2D([], [], color="0.3", linestyle=looks[moment]) for moment in moments}
        explained = {**handles, "range over seeds": band(), **_symbols(canvas)}
        legend_above(canvas, explained, f"gradient of {loss_behind_gradient(results.runs)}")
        return canvas

    def _panel(self, axes: Axes, lines: list[Line], profiles: Profiles) -> bool:
        drawn = False
        for label, group, style in lines:
            found = [profiles[run] for run in group["run"] if run in profiles]
            if not found:
                continue
            _draw(axes, np.stack(found), label, style)
            drawn = True
        return drawn


def _profiles(results: Results, lines: list[Line], moments: Mapping[str, int]) -> dict[str, Profiles]:
    """Profiles of the lines' runs by moment: before training of all, after it of those that trained to their end."""
    found: dict[str, Profiles] = {moment: {} for moment in moments}
    for _, group, _ in lines:
        trained = (group["status"] == Status.DONE) & (group["steps_trained"] > 0)
        for run, backend, is_trained in zip(group["run"], group["backend"], trained, strict=True):
            if not (arrays := results.probe(run, PROBE)):
                continue
            relative = relative_gradients(arrays, backend, list(moments.values()))
            for (moment, probed), profile in zip(moments.items(), relative, strict=True):
                if (probed == 0 or is_trained) and not np.isnan(profile).all():
                    found[moment][run] = profile
    return found


def _draw(axes: Axes, relative: Float[np.ndarray, "runs time_step"], label: str, style: dict[str, Any]) -> None:
    steps = np.arange(1, relative.shape[1] + 1)
    low, median, high = (10**values for values in _quantiles(relative))
    whole = median > 0
    axes.plot(steps, np.where(whole, median, np.nan), label=label, **marked(style, len(steps)))
    axes.fill_between(steps, np.maximum(low, 1e-45), high, where=high > 0, color=style["color"], alpha=0.2, linewidth=0)
    first = int(np.argmax(whole))
    if first > 0:
        axes.plot(steps[first], median[first], "<", color=style["color"], markersize=5, markerfacecolor="none")


def _symbols(canvas: Canvas) -> dict[str, Line2D]:
    """What the marker at the end of a line means, where there is one."""
    is_there = any(line.get_marker() == "<" for axes in canvas.axes for line in axes.lines)
    return {"rounded to zero before": mark("<", hollow=True)} if is_there else {}


def _quantiles(relative: Float[np.ndarray, "runs time_step"]) -> Float[np.ndarray, "3 time_step"]:
    """Smallest, median and largest over the runs; -inf, where a run's gradient is rounded to zero, is smallest."""
    finite = np.where(np.isneginf(relative), -1e300, relative)
    quantiles = np.quantile(finite, [0, 0.5, 1], axis=0)
    return np.where(quantiles < -1e299 / 2, -np.inf, quantiles)


def _share_range(row: list[Axes]) -> None:
    """One range for the panels of a row: what the lines span, with room for their markers."""
    drawn = np.concatenate([np.ones(1), *(np.asarray(line.get_ydata(), float) for axes in row for line in axes.lines)])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    for axes in row:
        axes.set_ylim(drawn.min() / 3, drawn.max() * 3)
        log_axis(axes)
