"""The gradient through time, at initialisation and after training."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rnnbench.analysis.results import Results
from rnnbench.report import drawing
from rnnbench.report.cell_names import state_name
from rnnbench.report.profiles import AFTER, BEFORE, GradientFigure, Profiles, moment_rows, relative_profiles
from rnnbench.report.style import CellStyles, marked

TENSOR_LOOKS: tuple[dict[str, Any], ...] = (
    {"linestyle": (0, (1, 1)), "linewidth": 0.8},
    {"linestyle": (0, (4, 1, 1, 1)), "linewidth": 0.8},
)
"""Of the first two tensors of a state alone."""


class GradientNorms(GradientFigure):
    """The gradient through time relative to its end, g_t / g_T, before and after training.

    g_t is the norm of d loss / d s_t, s_t the top layer's whole state after step t: of an LSTM h and c together. Lines
    are medians over seeds. After training is after the last step of each run, runs that diverged left out. An open
    triangle marks where a line ends because the gradient before that step is too small to measure.
    Thin dashed lines are the medians of the first two tensors of a state alone, of an LSTM h and c, each over its own
    last step with a gradient.
    """

    needs = ("backend", "steps_trained")

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        rows = drawing.line_panels(results.runs, styles)
        profiles, *tensors = relative_profiles(results, (None, 0, 1))
        moments = [BEFORE, AFTER] if (results.runs["steps_trained"] > 0).any() else [BEFORE]
        labels, titles = ("time step t", r"gradient $g_t\,/\,g_T$"), [title for title, _ in rows]
        if drawing.has_many_cells(results.runs):
            canvas, panels = drawing.grid(titles, True, *labels)
            canvas.legend_title = moments[-1]
            for axes, (_, lines) in zip(panels, rows, strict=True):
                _draw(axes, lines, profiles[moments[-1]])
            _share_range(panels)
        else:
            canvas, grid = moment_rows(titles, moments, min(2.0, 7.4 / len(rows)), *labels)
            for of_row, (_, lines) in zip(grid, rows, strict=True):
                for axes, moment in zip(of_row, moments, strict=True):
                    _draw(axes, lines, profiles[moment])
                    for place, of_tensor in enumerate(tensors):
                        _draw_tensor(axes, lines, of_tensor[moment], place)
                    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 2.5, 5, 10]))
                _share_range(of_row)
        return canvas


def _draw(axes: Axes, lines: list[drawing.Line], profiles: Profiles) -> None:
    """Medians and seeds; a triangle where a line ends because a run's gradient is too small before."""
    axes.set_yscale("log")
    for label, group, style in lines:
        found = [profiles[run] for run in group["run"] if run in profiles]
        if not found:
            continue
        steps = np.arange(1, found[0].size + 1)
        relative, colour = np.stack(found, axis=1), style["color"]
        median = 10 ** _median(relative)
        whole = median > 0
        drawing.draw_seeds(axes, steps, np.where(np.isneginf(relative), np.nan, 10**relative), colour)
        axes.plot(steps, np.where(whole, median, np.nan), label=label, **marked(style, len(steps)))
        if (first := int(np.argmax(whole))) > 0:
            axes.plot(steps[first], median[first], marker="<", color=colour, markersize=5, fillstyle="none")
            drawing.canvas_of(axes).explained["too small to measure before"] = drawing.mark("<", hollow=True)


def _draw_tensor(axes: Axes, lines: list[drawing.Line], profiles: Profiles, place: int) -> None:
    """Medians of one tensor of the state alone."""
    names = set()
    for _, group, style in lines:
        found = [profiles[run] for run in group["run"] if run in profiles]
        if found:
            median = 10 ** _median(np.stack(found, axis=1))
            steps = np.arange(1, median.size + 1)
            axes.plot(steps, np.where(median > 0, median, np.nan), color=style["color"], **TENSOR_LOOKS[place])
            names |= {state_name(cell, place) for cell in group["cell"]}
    if names:
        label = f"{' or '.join(sorted(names))} alone"
        drawing.canvas_of(axes).explained[label] = drawing.handle(**TENSOR_LOOKS[place])


def _median(relative: Float[np.ndarray, "time_step runs"]) -> Float[np.ndarray, " time_step"]:
    """The median over the runs; -inf, where a run's gradient is too small to measure, is smallest."""
    finite = np.median(np.where(np.isneginf(relative), -1e300, relative), axis=1)
    return np.where(finite < -1e299, -np.inf, finite)


def _share_range(row: list[Axes]) -> None:
    """One range for the panels of a row: what the lines span, with room for their markers."""
    drawn = np.concatenate([np.ones(1), *(np.asarray(line.get_ydata(), float) for axes in row for line in axes.lines)])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    for place, axes in enumerate(row):
        axes.set_ylim(drawn.min() / 3, drawn.max() * 3)
        drawing.log_axis(axes)
        if place and len(row) == 2:
            axes.tick_params(labelleft=False)
