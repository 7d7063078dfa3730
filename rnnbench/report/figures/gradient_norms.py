"""The gradient through time, at initialisation and after training."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from rnnbench.analysis.results import Results
from rnnbench.report import drawing
from rnnbench.report.cell_names import state_name
from rnnbench.report.component import Figure
from rnnbench.report.labels import loss_behind_gradient
from rnnbench.report.profiles import AFTER, BEFORE, Profiles, relative_profiles
from rnnbench.report.style import CellStyles, marked

SMALL_LOOKS: dict[str, dict[str, Any]] = {
    BEFORE: {"linestyle": (0, (2, 1.2)), "linewidth": 1.0},
    AFTER: {"linestyle": "-", "linewidth": 1.0},
}
"""In a small panel, which has both moments."""
TENSOR_LOOKS: tuple[dict[str, Any], ...] = (
    {"linestyle": (0, (1, 1)), "linewidth": 0.8},
    {"linestyle": (0, (4, 1, 1, 1)), "linewidth": 0.8},
)
"""Of the first two tensors of a state alone."""


class GradientNorms(Figure):
    """The gradient through time relative to its end, g_t / g_T, before and after training.

    g_t is the norm of d loss / d s_t, s_t the top layer's whole state after step t: of an LSTM h and c together. Lines
    are medians over seeds, bands the range over seeds. Thin lines are the medians of the first two tensors of a state
    alone, of an LSTM h and c, each over its own last step with a gradient. After training is after the last step of
    each run, runs that diverged left out. An open triangle marks where a line ends because the gradient is too small
    for a number before that step. More than eight cells have a panel each, without thin lines.
    """

    needs = ("backend", "steps_trained")

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        rows = drawing.line_panels(results.runs, styles)
        profiles, tensors = relative_profiles(results), [relative_profiles(results, place) for place in range(2)]
        moments = [BEFORE, AFTER] if (results.runs["steps_trained"] > 0).any() else [BEFORE]
        labels = ("time step t", r"gradient $g_t\,/\,g_T$")
        explained: dict[str, Any] = {"range over seeds": drawing.band()}
        if drawing.has_many_cells(results.runs):
            canvas, panels = drawing.grid([title for title, _ in rows], True, *labels)
            for axes, (_, lines) in zip(panels, rows, strict=True):
                for moment in moments:
                    unnamed = [(f"_{label}", runs, {**style, **SMALL_LOOKS[moment]}) for label, runs, style in lines]
                    _draw(axes, unnamed, profiles[moment])
            _share_range(panels)
            handles = {moment: Line2D([], [], color="0.3", **SMALL_LOOKS[moment]) for moment in moments}
            explained = {**handles, **explained}
        else:
            titles = [f"{title}: {moment}" for title, _ in rows for moment in moments]
            canvas, panels = drawing.grid(titles, False, *labels, columns=len(moments), row_height=2.0)
            for row, (_, lines) in enumerate(rows):
                of_row = panels[row * len(moments) :][: len(moments)]
                for axes, moment in zip(of_row, moments, strict=True):
                    _draw(axes, lines, profiles[moment])
                    for place, of_tensor in enumerate(tensors):
                        explained |= _draw_tensor(axes, lines, of_tensor[moment], place)
                    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10]))
                _share_range(of_row)
        if any(line.get_marker() == "<" for axes in panels for line in axes.lines):
            explained["rounded to zero before"] = drawing.mark("<", hollow=True)
        drawing.legend_above(canvas, explained, f"gradient of {loss_behind_gradient(results.runs)}")
        return canvas


def _draw(axes: Axes, lines: list[drawing.Line], profiles: Profiles) -> None:
    """Medians and ranges; a triangle where a line ends because a run's gradient is rounded to zero before."""
    axes.set_yscale("log")
    for label, group, style in lines:
        found = [profiles[run] for run in group["run"] if run in profiles]
        if not found:
            continue
        steps = np.arange(1, found[0].size + 1)
        low, median, high = (10**values for values in _quantiles(np.stack(found)))
        whole, colour = median > 0, style["color"]
        axes.plot(steps, np.where(whole, median, np.nan), label=label, **marked(style, len(steps)))
        axes.fill_between(steps, np.maximum(low, 1e-305), high, where=high > 0, color=colour, alpha=0.2, linewidth=0)
        first = int(np.argmax(whole))
        if first > 0:
            axes.plot(steps[first], median[first], "<", color=colour, markersize=5, markerfacecolor="none")


def _draw_tensor(axes: Axes, lines: list[drawing.Line], profiles: Profiles, place: int) -> dict[str, Any]:
    """Medians of one tensor of the state alone; returns the line for the legend by the tensor's name."""
    names = set()
    for _, group, style in lines:
        found = [profiles[run] for run in group["run"] if run in profiles]
        if found:
            median = 10 ** _quantiles(np.stack(found))[1]
            steps = np.arange(1, median.size + 1)
            axes.plot(steps, np.where(median > 0, median, np.nan), color=style["color"], **TENSOR_LOOKS[place])
            names |= {state_name(cell, place) for cell in group["cell"]}
    return {f"{' or '.join(sorted(names))} alone": Line2D([], [], color="0.3", **TENSOR_LOOKS[place])} if names else {}


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
        drawing.log_axis(axes)
