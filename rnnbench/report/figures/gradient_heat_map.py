"""The gradient through time against the training step."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from rnnbench.analysis.gradient_profile import PROBE, relative_gradients
from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import Variant
from rnnbench.errors import SettingError
from rnnbench.report.figures.figure import Figure
from rnnbench.report.labels import loss_behind_gradient, task_title, variant_label
from rnnbench.report.style import FORMULA, SMALL_PANELS, CellStyles, legend_above, say_empty, small_title, text_width
from rnnbench.schema import TASK_GROUP

MOST_DECADES = 12
"""Decades from g_T on which the colour stays the same."""
WITHOUT_RUNS = "0.8"
COLOURS = "RdBu_r"
START = "model.initialisation"
SURVIVORS: Mapping[str, Any] = {"color": "black", "linewidth": 0.9, "linestyle": (0, (3, 1.5))}


class Panel(NamedTuple):
    """What a panel shows."""

    cell: str
    task: str
    """Its title."""
    variant: Variant


class Surface(NamedTuple):
    """A panel's medians, training steps x time steps, and how many runs stand behind each training step."""

    relative: pd.DataFrame
    runs: "pd.Series[int]"


class GradientHeatMap(Figure):
    """The gradient through time relative to its end, log10(g_t / g_T), against time step t and training step.

    g_t is the norm of d loss / d s_t, s_t the top layer's whole state after step t. Blue: the gradient vanishes on its
    way back, red: it grows; one colour scale for all panels. Medians over seeds. Above a dashed line some runs had
    stopped as solved or had diverged, so that the medians are those of the others; grey where fewer than half were
    left.
    """

    needs = ("backend",)

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        panels = {
            Panel(str(cell), task_title(dict(zip(TASK_GROUP, task, strict=True))), cast(Variant, variant)): surface
            for (cell, variant, *task), runs in results.runs.groupby(["cell", "variant", *TASK_GROUP], sort=False)
            if (surface := _median_surface(results, runs)) is not None
        }
        if not panels:
            raise SettingError("needs gradient profiles, which no run has; add probe=[gradient_profile]")
        cells = styles.ordered({panel.cell for panel in panels})
        rows = list(dict.fromkeys((panel.task, panel.variant) for panel in panels))
        columns = min(len(cells), SMALL_PANELS)
        chunks = [cells[start : start + columns] for start in range(0, len(cells), columns)]
        blocks = [(row, chunk) for row in rows for chunk in chunks]
        canvas = Canvas(figsize=(text_width(), 0.9 + 1.25 * len(blocks)), layout="constrained")
        grid = canvas.subplots(len(blocks), columns, squeeze=False, sharex="row", sharey="row")
        explained: dict[str, Any] = {}
        scale = _scale(list(panels.values()))
        for axes_of_row, (row, chunk) in zip(grid, blocks, strict=True):
            surfaces = {cell: panels.get(Panel(cell, *row)) for cell in cells}
            steps = _shared_steps([surface for surface in surfaces.values() if surface is not None])
            for axes in axes_of_row[len(chunk) :]:
                axes.set_axis_off()
            for axes, cell in zip(axes_of_row, chunk, strict=False):
                explained |= _paint(axes, surfaces[cell], steps, scale)
                if axes in grid[0] or len(chunks) > 1:
                    small_title(axes, cell, room=13)
            axes_of_row[0].set_ylabel(f"{_row_label(row, rows)}training step")
        for axes in grid[-1]:
            axes.set_xlabel("time step t")
        colours = mpl.cm.ScalarMappable(scale, COLOURS)
        bar = canvas.colorbar(colours, ax=grid, shrink=min(1, 2 / len(blocks)), aspect=16, pad=0.02, extend="both")
        bar.set_label(r"$\log_{10}(g_t\,/\,g_T)$", gid=FORMULA)
        bar.ax.yaxis.set_major_locator(MaxNLocator(5, integer=True, symmetric=True))
        if explained:
            legend_above(canvas, explained, _title(results.runs, rows))
        else:
            canvas.suptitle(_title(results.runs, rows), fontsize=8)
        return canvas


def _title(runs: pd.DataFrame, rows: list[tuple[str, Variant]]) -> str:
    """The task and the start, where all rows share them, and the loss."""
    tasks = {task for task, _ in rows}
    starts = list(runs[START].unique()) if START in runs else []
    parts = [
        *(tasks if len(tasks) == 1 else ()),
        *((f"{starts[0]} initialisation",) if len(starts) == 1 else ()),
        f"gradient of {loss_behind_gradient(runs)}",
    ]
    return "; ".join(parts)


def _scale(surfaces: list[Surface]) -> Normalize:
    """The same decades on both sides of 0."""
    values = np.concatenate([surface.relative.to_numpy().ravel() for surface in surfaces])
    values = np.abs(values[np.isfinite(values)])
    largest = float(np.clip(np.ceil(values.max(initial=0)), 1, MOST_DECADES))
    return Normalize(-largest, largest)


def _median_surface(results: Results, runs: pd.DataFrame) -> Surface | None:
    """log10 of the median g_t / g_T; None without profiles."""
    profiles = []
    for run, backend in zip(runs["run"], runs["backend"], strict=True):
        arrays = results.probe(run, PROBE)
        if len(steps := arrays.get("step", ())):
            profiles.append(pd.DataFrame(relative_gradients(arrays, backend), index=steps))
    if not profiles:
        return None
    groups = pd.concat(profiles).groupby(level=0)
    return Surface(groups.median(), groups.size())


def _shared_steps(surfaces: list[Surface]) -> list[int]:
    """The training steps that most of the panels have: a step of one alone is where its runs happened to end."""
    counts = pd.Series(np.concatenate([surface.relative.index for surface in surfaces])).value_counts()
    return sorted(counts.index[counts > len(surfaces) / 2])


def _paint(axes: Axes, surface: Surface | None, steps: list[int], scale: Normalize) -> dict[str, Any]:
    """Paint a panel; returns handles, by label, for what the legend has to explain."""
    axes.set_facecolor(WITHOUT_RUNS)
    axes.grid(visible=False)
    axes.tick_params(length=2, bottom=True, left=True)
    if surface is None:
        say_empty(axes, "no runs")
        return {}
    explained: dict[str, Any] = {}
    values: Any = surface.relative.reindex(steps).to_numpy()
    runs = surface.runs.reindex(steps, fill_value=0).to_numpy()
    values = np.where(np.isneginf(values), scale.vmin, values)
    few = runs < runs.max() / 2
    values[few] = np.nan
    if few.any():
        explained["fewer than half were left"] = Patch(color=WITHOUT_RUNS)
    time_edges, step_edges = np.arange(values.shape[1] + 1) + 0.5, np.arange(len(steps) + 1) - 0.5
    axes.pcolormesh(time_edges, step_edges, np.ma.masked_invalid(values), norm=scale, cmap=COLOURS, rasterized=True)
    if (runs < runs.max()).any():
        axes.axhline(float(np.argmax(runs < runs.max())) - 0.5, **SURVIVORS)
        explained["above: some runs had stopped"] = Line2D([], [], **SURVIVORS)
    shown = [place for place, step in enumerate(steps) if _is_round(step)]
    axes.set_yticks(shown, [f"{steps[place]:,}" for place in shown])
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
    return explained


def _is_round(step: int) -> bool:
    """0 and the powers of ten."""
    return step == 0 or 10 ** round(np.log10(step)) == step


def _row_label(row: tuple[str, Variant], rows: list[tuple[str, Variant]]) -> str:
    """What distinguishes the row from the others, one setting per line."""
    task, variant = row
    lines = [task] if len({task for task, _ in rows}) > 1 else []
    if len({variant for _, variant in rows}) > 1:
        lines += [variant_label(Variant((setting,)), brief=True) for setting in variant.settings]
    return "".join(f"{line}\n" for line in lines)
