"""The gradient through time against the training step."""

from typing import Any, cast

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.ticker import MaxNLocator

from rnnbench.analysis.gradient_profile import PROBE, relative_gradients, smallest_norm
from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import Variant
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.cell_names import cell_name, state_name
from rnnbench.report.labels import variant_label
from rnnbench.report.profiles import NONE, GradientFigure
from rnnbench.report.style import LARGE, TEXT_WIDTH, CellStyles, text_width
from rnnbench.schema import TASK_GROUP

MOST_DECADES = 20
"""Decades from g_T on which the colour stays the same, or fewer: from those that one value in ten is beyond."""
WITHOUT_RUNS = "0.8"
COLOURS = "RdBu_r"
START = "model.initialisation"
SURVIVORS: dict[str, Any] = {"color": "black", "linewidth": 0.9, "linestyle": (0, (3, 1.5))}

Row = tuple[str, Variant]
"""A row of panels: the title of its task, and the variant."""
Surface = tuple[pd.DataFrame, "pd.Series[int]"]
"""A panel's medians, training steps x time steps, and how many runs stand behind each training step."""


class GradientHeatMap(GradientFigure):
    """The gradient through time relative to its end, log10(g_t / g_T), against time step t and training step.

    g_t is the norm of d loss / d s_t, s_t the top layer's whole state after step t. Blue: the gradient vanishes on its
    way back, red: it grows; one colour scale for all panels, beyond whose ends are a tenth of the values each. "LSTM,
    h" and the like are the norms of one tensor of the state alone, over its own last step with a gradient. Above a
    dashed line some runs had stopped as solved or had diverged, so that the medians are those of the others; grey where
    fewer than half were left, and where nothing can depend on a tensor, as on the last c.
    """

    needs = ("backend",)

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        tensors = (None,) if drawing.has_many_cells(results.runs) else (None, 0, 1)
        surfaces = {
            ((str(cell), tensor), title, cast(Variant, variant)): surface
            for title, of_task in drawing.by_task(results.runs)
            for (cell, variant), runs in of_task.groupby(["cell", "variant"], sort=False)
            for tensor in tensors
            if (surface := _median_surface(results, runs, tensor)) is not None
        }
        if not surfaces:
            raise SettingError(NONE)
        found = {column for column, *_ in surfaces}
        ordered = styles.ordered({cell for cell, _ in found})
        cells = [(cell, tensor) for cell in ordered for tensor in tensors if (cell, tensor) in found]
        rows: list[Row] = list(dict.fromkeys((title, variant) for _, title, variant in surfaces))
        columns = min(len(cells), max(3, int(drawing.SMALL_PANELS * text_width() / TEXT_WIDTH)))
        chunks = [cells[start : start + columns] for start in range(0, len(cells), columns)]
        blocks = [(row, chunk) for row in rows for chunk in chunks]
        narrow = text_width() < 2 * drawing.PANEL_WIDTH
        canvas = drawing.Canvas(text_width(), 0.9 + 0.4 * narrow + (1.1 if narrow else 1.25) * len(blocks))
        alike = len({medians.shape[1] for medians, _ in surfaces.values()}) == 1
        grid = canvas.subplots(len(blocks), columns, squeeze=False, sharex="all" if alike else "row", sharey="row")
        scale = _scale(list(surfaces.values()))
        for axes_of_row, (row, chunk) in zip(grid, blocks, strict=True):
            of_row = {cell: surfaces.get((cell, *row)) for cell in cells}
            steps = _shared_steps([surface for surface in of_row.values() if surface is not None])
            for axes in axes_of_row[len(chunk) :]:
                axes.set_axis_off()
            for axes, (cell, tensor) in zip(axes_of_row, chunk, strict=False):
                _paint(axes, of_row[cell, tensor], steps, scale)
                name = cell_name(cell) + ("" if tensor is None else f", {state_name(cell, tensor)}")
                if axes in grid[0] or len(chunks) > 1:
                    room = text_width() / columns - 0.25
                    size = max(5.0, LARGE * min(1.0, room / max(drawing.inches(word, LARGE) for word in name.split())))
                    axes.set_title(drawing.wrapped(name, room, size), fontsize=size)
            axes_of_row[0].set_ylabel(f"{_row_label(row, rows)}training step")
        canvas.supxlabel("time step t", fontsize=LARGE)
        place: dict[str, Any] = {"aspect": 16, "shrink": min(1, 2 / len(blocks))}
        place |= {"location": "top", "aspect": 30, "shrink": 0.8} if narrow else {}
        colours, ticks = mpl.cm.ScalarMappable(scale, _colours(scale)), MaxNLocator(5, integer=True)
        bar = canvas.colorbar(colours, ax=grid, pad=0.02, extend="both", ticks=ticks, **place)
        seeds = int(results.runs.groupby(["cell", *TASK_GROUP, "variant"])["seed"].nunique().max())
        of = f", median of {seeds} seeds" if seeds > 1 else ", one seed"
        bar.set_label(r"$\log_{10}(g_t\,/\,g_T)$" + of)
        canvas.legend_title = _title(results.runs, rows)
        return canvas


def _title(runs: pd.DataFrame, rows: list[Row]) -> str:
    """The task and the start, where all rows share them."""
    tasks = {task for task, _ in rows}
    starts = {f"{start} initialisation" for start in runs.get(START, ())}
    return "; ".join([*(tasks if len(tasks) == 1 else ()), *(starts if len(starts) == 1 else ())])


def _scale(surfaces: list[Surface]) -> Normalize:
    """The decades that the values span, all but a tenth at each end, 0 among them."""
    values = np.concatenate([medians.to_numpy().ravel() for medians, _ in surfaces])
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [0.1, 0.9]) if values.size else (-1.0, 1.0)
    return Normalize(np.clip(np.floor(low), -MOST_DECADES, -1), np.clip(np.ceil(high), 1, MOST_DECADES))


def _colours(scale: Normalize) -> Colormap:
    """Blue below 0 and red above, where equally many decades are equally strong."""
    low, high = cast(float, scale.vmin), cast(float, scale.vmax)
    reach = max(-low, high)
    return ListedColormap(mpl.colormaps[COLOURS](np.linspace((1 + low / reach) / 2, (1 + high / reach) / 2, 256)))


def _median_surface(results: Results, runs: pd.DataFrame, tensor: int | None) -> Surface | None:
    """log10 of the median g_t / g_T, of the whole state or a tensor of it; None without profiles."""
    profiles = []
    for run in runs.to_dict("records"):
        arrays = results.source.probe(run["run"], PROBE)
        if len(steps := arrays.get("step", ())):
            relative = relative_gradients(arrays, smallest_norm(run), tensor=tensor)
            profiles += [] if np.isnan(relative).all() else [pd.DataFrame(relative, index=steps)]
    if not profiles:
        return None
    groups = pd.concat(profiles).groupby(level=0)
    return groups.median(), groups.size()


def _shared_steps(surfaces: list[Surface]) -> list[int]:
    """The training steps that most of the panels have: a step of one alone is where its runs happened to end."""
    counts = pd.Series(np.concatenate([medians.index for medians, _ in surfaces])).value_counts()
    return sorted(counts.index[counts > len(surfaces) / 2])


def _paint(axes: Axes, surface: Surface | None, steps: list[int], scale: Normalize) -> None:
    axes.set_facecolor(WITHOUT_RUNS)
    axes.grid(visible=False)
    axes.tick_params(length=2, bottom=True, left=True)
    if surface is None:
        drawing.say_empty(axes, "no runs")
        return
    explained = drawing.canvas_of(axes).explained
    medians, counts = surface
    values: Any = medians.reindex(steps).to_numpy()
    runs = counts.reindex(steps, fill_value=0).to_numpy()
    values = np.where(np.isneginf(values), scale.vmin, values)
    few, fewer = runs < runs.max() / 2, runs < runs.max()
    values[few] = np.nan
    if few.any():
        explained["fewer than half were left"] = drawing.band(color=WITHOUT_RUNS, alpha=None)
    time_edges, step_edges = np.arange(values.shape[1] + 1) + 0.5, np.arange(len(steps) + 1) - 0.5
    shown = np.ma.masked_invalid(values)
    axes.pcolormesh(time_edges, step_edges, shown, norm=scale, cmap=_colours(scale), rasterized=True)
    if fewer.any():
        axes.axhline(float(np.argmax(fewer)) - 0.5, **SURVIVORS)
        explained["above: some runs had stopped"] = drawing.handle(**SURVIVORS)
    # 0 and the powers of ten that stand apart
    named = {place: f"{step:,}" for place, step in enumerate(steps)
             if step == 0 or (step > 1 and 10 ** round(np.log10(step)) == step)}  # fmt: skip
    axes.set_yticks(list(named), list(named.values()))
    most = 3 if text_width() < 2 * drawing.PANEL_WIDTH else 4
    axes.xaxis.set_major_locator(MaxNLocator(most, integer=True, steps=[1, 2, 5, 10]))


def _row_label(row: Row, rows: list[Row]) -> str:
    """What distinguishes the row from the others, one setting per line."""
    task, variant = row
    lines = [task] if len({task for task, _ in rows}) > 1 else []
    if len({variant for _, variant in rows}) > 1:
        lines += [variant_label(Variant((setting,)), brief=True) for setting in variant.settings]
    return "".join(f"{line}\n" for line in lines)
