"""How fast gradients vanish or grow on their way back through time, by recurrent gain."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.gradient_profile import growth_per_step
from rnnbench.analysis.intervals import mean_interval
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.cell_names import cell_name
from rnnbench.report.component import Figure
from rnnbench.report.labels import loss_behind_gradient, setting_value
from rnnbench.report.profiles import AFTER, BEFORE, NONE, relative_profiles
from rnnbench.report.style import CellStyles, marker_of, text_width

GAIN, START, MEMORY_BIAS = "model.recurrent_gain", "model.initialisation", "model.memory_bias"
CUT = ": rounded to zero"
LOOKS: dict[str, dict[str, Any]] = {
    BEFORE: {"linestyle": "-", "marker": "o"},
    AFTER: {"linestyle": (0, (2, 1.5)), "marker": "o", "markerfacecolor": "white"},
}


class DecayByGain(Figure):
    """Growth of the gradient on its way back through time against the recurrent gain, by task and initialisation.

    The growth is log10(g_1 / g_T) / (T - 1), g_t being the norm of d loss / d s_t over the top layer's whole state:
    below 0 the gradient vanishes, above 0 it explodes. Where g_1 is rounded to zero, the first step where it is not
    takes the place of 1. Points are means over seeds, bars Student's 95% intervals, none where a run is so; where a
    cell was not trained there is nothing after training. More than eight cells have a panel each.
    """

    needs = (GAIN, START, "backend", "steps_trained")
    intervals = "95% over seeds: Student's for the mean"

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        growth = _growth(results)
        if drawing.has_many_cells(growth):
            canvas = self._small(growth, styles)
        else:
            rows, starts = drawing.by_task(growth), sorted(growth[START].unique())
            canvas = Canvas(figsize=(text_width(), 0.6 + 2.2 * len(rows)), layout="constrained")
            grid = canvas.subplots(len(rows), len(starts), squeeze=False, sharex=True, sharey="row")
            for axes_of_row, (title, of_row) in zip(grid, rows, strict=True):
                for axes, start in zip(axes_of_row, starts, strict=True):
                    self._panel(axes, of_row[of_row[START] == start], styles)
                    lines = [f"{title}:", *start.split(", ")]
                    axes.set_title("\n".join(lines) if len(starts) > 2 else f"{title}: {start} initialisation")
                    axes.set_xlabel("recurrent gain")
                axes_of_row[0].set_ylabel("growth back through time\n(decades per step)")
                _name_the_halves(axes_of_row[-1])
        drawing.legend_above(canvas, title=f"gradient of {loss_behind_gradient(results.runs)}")
        return canvas

    def _small(self, growth: pd.DataFrame, styles: CellStyles) -> Canvas:
        """A panel for each cell."""
        rows, starts = drawing.by_task(growth), growth[START].nunique() > 1
        found = [
            (
                ": ".join([*([title] if len(rows) > 1 else []), *([str(start)] if starts else []), cell_name(cell)]),
                of_cell,
            )
            for title, of_row in rows
            for start, of_start in of_row.groupby(START)
            for cell, of_cell in drawing.by_cell(of_start, styles)
        ]
        titles = [title for title, _ in found]
        canvas, grid = drawing.grid(titles, True, "recurrent gain", "growth back through time (decades per step)")
        for axes, (_, of_cell) in zip(grid, found, strict=True):
            self._panel(axes, of_cell, styles, named=False)
        return canvas

    def _panel(self, axes: Axes, growth: pd.DataFrame, styles: CellStyles, named: bool = True) -> None:
        axes.axhline(0, color="0.3", linewidth=0.8)
        if growth.empty:
            drawing.say_empty(axes, "no runs")
            return
        gains = sorted(growth[GAIN].unique())
        cells = styles.ordered(growth["cell"].unique())
        apart = 0.012 * (gains[-1] - gains[0])  # side by side, so that bars do not hide each other
        moments = [moment for moment in LOOKS if growth[moment].notna().any()]
        for place, cell in enumerate(cells):
            shift, style = 2 * (place - (len(cells) - 1) / 2) * apart, styles.of(cell)
            for moment in moments:
                found = _means(growth[growth["cell"] == cell], moment)
                if found.empty:
                    continue
                places = found.index.to_numpy() + shift + (apart if moment == AFTER else 0)
                look = {**style, **LOOKS[moment], "marker": marker_of(style)}
                label = cell_name(cell) if named and moment == BEFORE else None
                axes.errorbar(places, found["mean"], [found["below"], found["above"]], markersize=4, elinewidth=0.8,
                              capsize=2, label=label, **look)  # fmt: skip
        for moment in moments if len(moments) > 1 else []:
            axes.plot([], [], color="0.3", markersize=4, label=moment, **LOOKS[moment])
        axes.set_xticks(gains)


def _growth(results: Results) -> pd.DataFrame:
    """The runs with a profile, with their growth before training and, where they trained to their end, after it."""
    profiles = relative_profiles(results)
    runs = results.runs.assign(**{
        moment: [growth_per_step(of[run]) if run in of else np.nan for run in results.runs["run"]]
        for moment, of in profiles.items()
    }, **{
        f"{moment}{CUT}": [run in of and bool(np.isneginf(of[run][0])) for run in results.runs["run"]]
        for moment, of in profiles.items()
    })  # fmt: skip
    runs = runs[runs[BEFORE].notna() | runs[AFTER].notna()]
    if runs.empty:
        raise SettingError(NONE)
    if MEMORY_BIAS in runs:
        biased = runs[MEMORY_BIAS].notna()
        labels = runs[START].astype(str) + ", memory bias " + runs[MEMORY_BIAS].map(setting_value)
        runs = runs.assign(**{START: runs[START].where(~biased, labels)})
    return runs


def _means(runs: pd.DataFrame, name: str) -> pd.DataFrame:
    """By gain: mean over the runs, and how far its interval reaches; NaN where a gradient was rounded to zero."""
    rows: dict[Any, dict[str, float]] = {}
    for gain, group in runs.dropna(subset=name).groupby(GAIN):
        mean = mean_interval(group[name].to_numpy(float))
        width = np.nan if group[f"{name}{CUT}"].any() else mean.high - mean.estimate
        rows[gain] = {"mean": mean.estimate, "below": width, "above": width}
    return pd.DataFrame.from_dict(rows, orient="index")


def _name_the_halves(axes: Axes) -> None:
    """Say next to the panel on which side of 0 the gradient vanishes, and on which it explodes."""
    low, high = axes.get_ylim()
    zero = (0 - low) / (high - low)
    for end, middle, label in ((low, zero / 2, "vanishes"), (high, (1 + zero) / 2, "explodes")):
        if end and 0.1 < middle < 0.9:
            axes.annotate(label, (1.02, middle), xycoords="axes fraction", rotation=90, va="center", ha="left",
                          fontsize=7, color="0.3")  # fmt: skip
