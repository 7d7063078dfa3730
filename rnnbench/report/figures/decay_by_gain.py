"""How fast gradients vanish or grow on their way back through time, by recurrent gain."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.gradient_profile import PROBE, growth_per_step, relative_gradients
from rnnbench.analysis.intervals import mean_interval
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report.figures.figure import Figure
from rnnbench.report.labels import loss_behind_gradient
from rnnbench.report.style import (
    CellStyles,
    has_many_cells,
    legend_above,
    small_panel_grid,
    small_title,
    task_panels,
    text_width,
)
from rnnbench.schema import Status

SOLID, DASHED = "-", (0, (2, 1.5))
GAIN, START = "model.recurrent_gain", "model.initialisation"
BEFORE, AFTER = "growth_initial", "growth"


class DecayByGain(Figure):
    """Growth of the gradient on its way back through time against the recurrent gain, by task and initialisation.

    The growth is log10(g_1 / g_T) / (T - 1), g_t being the norm of d loss / d s_t over the top layer's whole state:
    below 0 the gradient vanishes, above 0 it explodes. Where g_1 is rounded to zero, the first step where it is not
    takes the place of 1. Points are means over seeds, bars Student's 95% intervals; where a cell was not trained there
    is nothing after training. More than eight cells have a panel each.
    """

    needs = (GAIN, START, "backend", "steps_trained")
    intervals = "95% over seeds: Student's for the mean"

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        growth = _growth(results)
        rows, starts = task_panels(growth), sorted(growth[START].unique())
        if has_many_cells(growth):
            return self._small(growth, rows, results, styles)
        canvas = Canvas(figsize=(text_width(), 0.6 + 2.2 * len(rows)), layout="constrained")
        grid = canvas.subplots(len(rows), len(starts), squeeze=False, sharex=True, sharey="row")
        for axes_of_row, (title, of_row) in zip(grid, rows, strict=True):
            for axes, start in zip(axes_of_row, starts, strict=True):
                self._panel(axes, of_row[of_row[START] == start], styles)
                axes.set(title=f"{title}: {start} initialisation", xlabel="recurrent gain")
            axes_of_row[0].set_ylabel("growth back through time\n(decades per step)")
            _name_the_halves(axes_of_row[-1])
        legend_above(canvas, title=f"gradient of {loss_behind_gradient(results.runs)}")
        return canvas

    def _small(
        self, growth: pd.DataFrame, rows: list[tuple[str, pd.DataFrame]], results: Results, styles: CellStyles
    ) -> Canvas:
        """A panel for each cell."""
        starts = growth[START].nunique() > 1
        found = []
        for title, of_row in rows:
            for start, of_start in of_row.groupby(START):
                above = [*([title] if len(rows) > 1 else []), *([str(start)] if starts else [])]
                for cell in styles.ordered(of_start["cell"].unique()):
                    found.append((": ".join([*above, cell]), of_start[of_start["cell"] == cell]))
        canvas, panels = small_panel_grid(len(found))
        for axes, (title, of_cell) in zip(panels, found, strict=True):
            self._panel(axes, of_cell, styles, named=False)
            small_title(axes, title)
        canvas.supxlabel("recurrent gain", fontsize=8)
        canvas.supylabel("growth back through time (decades per step)", fontsize=8)
        legend_above(canvas, title=f"gradient of {loss_behind_gradient(results.runs)}")
        return canvas

    def _panel(self, axes: Axes, growth: pd.DataFrame, styles: CellStyles, named: bool = True) -> None:
        axes.axhline(0, color="0.3", linewidth=0.8)
        gains = sorted(growth[GAIN].unique())
        cells = styles.ordered(growth["cell"].unique())
        apart = 0.012 * (gains[-1] - gains[0])  # side by side, so that bars do not hide each other
        moments = {BEFORE: ("at initialisation", SOLID, 0.0), AFTER: ("after training", DASHED, apart)}
        moments = {name: look for name, look in moments.items() if growth[name].notna().any()}
        for place, cell in enumerate(cells):
            shift = 2 * (place - (len(cells) - 1) / 2) * apart
            for name, (_, dashes, side) in moments.items():
                found = _means(growth[growth["cell"] == cell], name)
                if found.empty:
                    continue
                axes.errorbar(
                    found.index.to_numpy() + shift + side, found["mean"], [found["below"], found["above"]],
                    color=styles.of(cell)["color"], linestyle=dashes, marker=styles.marker(cell), markersize=4,
                    elinewidth=0.8, capsize=2, label=cell if named and name == BEFORE else None,
                    markerfacecolor=None if name == BEFORE else "white",
                )  # fmt: skip
        if len(moments) > 1:
            for moment, dashes, _ in moments.values():
                face = "0.3" if dashes == SOLID else "white"
                axes.plot([], [], "o", color="0.3", linestyle=dashes, markersize=4, markerfacecolor=face, label=moment)
        axes.set_xticks(gains)


def _growth(results: Results) -> pd.DataFrame:
    """The runs with a profile, with their growth before training and, where they trained to their end, after it."""
    before, after = [], []
    for run in results.runs.to_dict("records"):
        arrays = results.probe(run["run"], PROBE)
        relative = relative_gradients(arrays, run["backend"], [0, -1]) if arrays else None
        trained = run["status"] == Status.DONE and run["steps_trained"] > 0
        before.append(np.nan if relative is None else growth_per_step(relative[0]))
        after.append(np.nan if relative is None or not trained else growth_per_step(relative[1]))
    runs = results.runs.assign(**{BEFORE: before, AFTER: after})
    runs = runs[runs[BEFORE].notna() | runs[AFTER].notna()]
    if runs.empty:
        raise SettingError("needs gradient profiles, which no run has; add probe=[gradient_profile]")
    return runs


def _means(runs: pd.DataFrame, name: str) -> pd.DataFrame:
    """By gain: mean over the runs, and how far its interval reaches below and above."""
    rows: dict[Any, dict[str, float]] = {}
    for gain, group in runs.dropna(subset=name).groupby(GAIN):
        mean = mean_interval(group[name].to_numpy(float))
        rows[gain] = {"mean": mean.estimate, "below": mean.estimate - mean.low, "above": mean.high - mean.estimate}
    return pd.DataFrame.from_dict(rows, orient="index")


def _name_the_halves(axes: Axes) -> None:
    """Say next to the panel on which side of 0 the gradient vanishes, and on which it explodes."""
    low, high = axes.get_ylim()
    for value, label in ((low, "vanishes"), (high, "explodes")):
        place = (0 - low) / (high - low)
        middle = place / 2 if value == low else (1 + place) / 2
        if value and 0.1 < middle < 0.9:
            axes.annotate(
                label, (1.02, middle), xycoords="axes fraction", rotation=90, va="center", ha="left", fontsize=7,
                color="0.3",
            )  # fmt: skip
