"""Gradient norm against time step and training step."""

from typing import Any, NamedTuple, cast

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.gradient_profile import PROBE
from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import Variant
from rnnbench.errors import SettingError
from rnnbench.report.figures.figure import Figure
from rnnbench.report.labels import task_title, variant_label
from rnnbench.report.style import TEXT_WIDTH, CellStyles
from rnnbench.schema import TASK_GROUP

LOWEST = -12
"""log10 of the norm from which on down a gradient is drawn as the darkest colour."""
WITHOUT_RUNS = "0.85"


class Panel(NamedTuple):
    """What a panel shows."""

    cell: str
    task: str
    """Its title."""
    variant: Variant


class GradientHeatMap(Figure):
    """log10 of the norm of d loss / d s_t, s_t the top layer's whole state, against time step t and training step.

    One column per cell, one row per task and variant, one colour scale for all. Medians over the seeds that were still
    training; grey where none was, because all runs had been stopped as solved or had diverged.
    """

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
        canvas = Canvas(figsize=(TEXT_WIDTH, 0.5 + 1.25 * len(rows)), layout="constrained")
        grid = canvas.subplots(len(rows), len(cells), squeeze=False, sharex="row", sharey="row")
        largest = float(np.ceil(max(np.nanmax(surface) for surface in panels.values())))
        scale = Normalize(LOWEST, largest)
        for axes_of_row, row in zip(grid, rows, strict=True):
            surfaces = {cell: panels.get(Panel(cell, *row)) for cell in cells}
            steps = _shared_steps([surface for surface in surfaces.values() if surface is not None])
            for axes, (cell, surface) in zip(axes_of_row, surfaces.items(), strict=True):
                _paint(axes, surface, steps, scale)
                if axes in grid[0]:
                    axes.set_title(cell, color=styles.of(cell)["color"], fontweight="bold")
            axes_of_row[0].set_ylabel(f"{_row_label(row, rows)}training step")
        for axes in grid[-1]:
            axes.set_xlabel("time step t")
        colours = mpl.cm.ScalarMappable(scale, "viridis")
        bar = canvas.colorbar(colours, ax=grid, shrink=min(1, 2 / len(rows)), aspect=16, pad=0.02, extend="min")
        bar.set_label(r"$\log_{10}\Vert\partial\,\mathrm{loss}/\partial s_t\Vert$")
        return canvas


def _median_surface(results: Results, runs: pd.DataFrame) -> pd.DataFrame | None:
    """log10 of the median norm, training steps x time steps; None without profiles."""
    profiles = []
    for run in runs["run"]:
        arrays = results.probe(run, PROBE)
        if arrays:
            profiles.append(pd.DataFrame(arrays["norm"][:, -1], index=arrays["step"]))
    if not profiles:
        return None
    median = pd.concat(profiles).groupby(level=0).median()
    with np.errstate(divide="ignore"):
        return pd.DataFrame(np.log10(median))


def _shared_steps(surfaces: list[pd.DataFrame]) -> list[int]:
    """The training steps that most of the panels have: a step of one alone is where its runs happened to end."""
    counts = pd.Series(np.concatenate([surface.index for surface in surfaces])).value_counts()
    return sorted(counts.index[counts > len(surfaces) / 2])


def _paint(axes: Axes, surface: pd.DataFrame | None, steps: list[int], scale: Normalize) -> None:
    axes.set_facecolor(WITHOUT_RUNS)
    axes.grid(visible=False)
    axes.tick_params(length=2, bottom=True, left=True)
    if surface is None:
        axes.text(0.5, 0.5, "no runs", transform=axes.transAxes, ha="center", va="center", color="firebrick")
        return
    values: Any = surface.reindex(steps).to_numpy()
    values = np.where(np.isneginf(values), scale.vmin, values)
    time_edges, step_edges = np.arange(values.shape[1] + 1) + 0.5, np.arange(len(steps) + 1) - 0.5
    masked = np.ma.masked_invalid(values)
    axes.pcolormesh(time_edges, step_edges, masked, norm=scale, cmap="viridis", rasterized=True)
    shown = range(0, len(steps), -(-len(steps) // 5))
    axes.set_yticks(list(shown), [f"{steps[place]:,}" for place in shown])


def _row_label(row: tuple[str, Variant], rows: list[tuple[str, Variant]]) -> str:
    """What tells the row from the others, each setting on a line of its own."""
    task, variant = row
    lines = [task] if len({task for task, _ in rows}) > 1 else []
    if len({variant for _, variant in rows}) > 1:
        lines += [variant_label(Variant((setting,)), brief=True) for setting in variant.settings]
    return "".join(f"{line}\n" for line in lines)
