"""How fast gradients vanish or grow on their way back through time, by recurrent gain."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rnnbench.analysis.gradient_profile import growth_per_step
from rnnbench.analysis.intervals import mean_interval
from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import Variant
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.cell_names import cell_name
from rnnbench.report.labels import setting_value
from rnnbench.report.profiles import AFTER, BEFORE, NONE, GradientFigure, relative_profiles
from rnnbench.report.style import SMALL, CellStyles

GAIN, START, MEMORY_BIAS = "model.recurrent_gain", "model.initialisation", "model.memory_bias"
CUT = ": rounded to zero"
LOOKS: dict[str, dict[str, Any]] = {BEFORE: {}, AFTER: {"markerfacecolor": "white", "linewidth": 0.7}}
GROWTH = "growth back through time\n(decades per step)"


class DecayByGain(GradientFigure):
    """Growth of the gradient on its way back through time against the recurrent gain.

    The growth is log10(g_1 / g_T) / (T - 1), g_t being the norm of d loss / d s_t over the top layer's whole state:
    below 0 the gradient vanishes, above 0 it explodes. Where g_1 is too small to measure, the first step where it is
    not takes the place of 1. Points are means over seeds, bars Student's 95% intervals.
    """

    needs = (GAIN, START, "backend", "steps_trained")
    intervals = "95% over seeds: Student's for the mean"
    told = (BEFORE,)

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        growth, many = _growth(results), drawing.has_many_cells(results.runs)
        tasks, starts = growth["task"].nunique() > 1, growth[START].nunique() > 1
        panels: list[tuple[str, pd.DataFrame]] = []
        for (task, start, *cell), rows in growth.groupby(["task", START, *["cell"] * many], sort=False):
            title = ", ".join([str(task).replace("_", " ")] * tasks + [f"{start} initialisation"] * starts)
            panels.append((": ".join(filter(None, [title, *(cell_name(str(each)) for each in cell)])), rows))
        canvas, grid = drawing.grid([title for title, _ in panels], many, "recurrent gain", GROWTH, share=True)
        for axes, (_, rows) in zip(grid, panels, strict=True):
            self._panel(axes, rows, styles, named=not many)
        if not many:
            _name_the_halves(grid[-1])
        looks = {moment: drawing.handle(marker="o", markersize=4, **LOOKS[moment]) for moment in _moments(growth)}
        canvas.explained = looks if len(looks) > 1 else {}
        return canvas

    def _panel(self, axes: Axes, growth: pd.DataFrame, styles: CellStyles, named: bool) -> None:
        axes.axhline(0, color="0.3", linewidth=0.8)
        gains = sorted(growth[GAIN].unique())
        apart = 0.004 * (gains[-1] - gains[0])  # side by side, so that bars do not hide each other
        moments = _moments(growth)
        lines = list(drawing.lines(growth, styles))
        for place, (label, group, style) in enumerate(lines):
            shift = 2 * (place - (len(lines) - 1) / 2) * apart
            for moment in moments:
                if (found := _means(group, moment)).empty:
                    continue
                places = found.index.to_numpy() + shift + (apart if moment == AFTER else 0)
                look, name = style | LOOKS[moment], label if named and moment == moments[0] else None
                axes.errorbar(places, found["mean"], found["reach"], markersize=4, elinewidth=0.8, label=name, **look)
        axes.set_xticks(gains, [f"{gain:g}" for gain in gains])


def _moments(growth: pd.DataFrame) -> list[str]:
    return [moment for moment in LOOKS if growth[moment].notna().any()]


def _growth(results: Results) -> pd.DataFrame:
    """The runs with a profile, with their growth before training and, where they trained to their end, after it."""
    (profiles,) = relative_profiles(results)
    runs = results.runs.copy()
    for moment, of in profiles.items():
        runs[moment] = [growth_per_step(of[run]) if run in of else np.nan for run in runs["run"]]
        runs[f"{moment}{CUT}"] = [run in of and bool(np.isneginf(of[run][0])) for run in runs["run"]]
    runs = runs[runs[BEFORE].notna() | runs[AFTER].notna()]
    if runs.empty:
        raise SettingError(NONE)
    if MEMORY_BIAS in runs:
        biased = runs[MEMORY_BIAS].notna()
        labels = "memory bias " + runs[MEMORY_BIAS].map(setting_value) + ", " + runs[START].astype(str)
        runs = runs.assign(**{START: runs[START].where(~biased, labels)})
    several = runs["difficulty"].nunique() > 1
    told = [  # what neither axis nor panel say, and can change the gradient
        (*(each for each in variant.settings if each[0] not in (GAIN, START, MEMORY_BIAS) and "probes." not in each[0]),
         *([(name, value)] * several))
        for variant, name, value in zip(runs["variant"], runs["difficulty_setting"], runs["difficulty"], strict=True)
    ]  # fmt: skip
    return runs.assign(variant=pd.Series([Variant(each) for each in told], runs.index, dtype=object))


def _means(runs: pd.DataFrame, name: str) -> pd.DataFrame:
    """By gain: mean over the runs, and how far its interval reaches; NaN where a gradient was rounded to zero."""
    rows: dict[Any, tuple[float, float]] = {}
    for gain, group in runs.dropna(subset=name).groupby(GAIN):
        mean = mean_interval(group[name].to_numpy(float))
        rows[gain] = mean.estimate, np.nan if group[f"{name}{CUT}"].any() else mean.high - mean.estimate
    return pd.DataFrame.from_dict(rows, orient="index", columns=["mean", "reach"])


def _name_the_halves(axes: Axes) -> None:
    """Say next to the panel on which side of 0 the gradient vanishes, and on which it explodes."""
    low, high = axes.get_ylim()
    zero = (0 - low) / (high - low)
    for share, end, at, label in ((zero, 0, "bottom", "vanishes"), (1 - zero, 1, "top", "explodes")):
        if share > 0.1:
            axes.annotate(label, (1.02, end), xycoords="axes fraction", rotation=90, va=at, ha="left",
                          fontsize=SMALL, color="0.3")  # fmt: skip
