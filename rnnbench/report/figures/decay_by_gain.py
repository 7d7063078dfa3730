"""How fast gradients fade or grow, by recurrent gain."""

from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.gradient_decay import gradient_decays
from rnnbench.analysis.results import Results
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import TEXT_WIDTH, CellStyles, legend_above, task_title

SOLID, DASHED = "-", (0, (2, 1.5))
GAIN, START = "model.recurrent_gain", "model.initialisation"


class DecayByGain(Figure):
    """One row per task, one column per initialisation: the slope of log10 g_t against t, g_t = ||d loss / d h_t||.

    Below 0 the gradient fades on its way back through time (it vanishes), above 0 it grows (it explodes). Solid: at
    initialisation; dashed: after training. Bars: Student's 95% interval of the mean over seeds.
    """

    columns: ClassVar[tuple[str, ...]] = (GAIN, START)
    intervals = "95% over seeds: Student's for the mean"

    def draw(self, results: Results, styles: CellStyles) -> Canvas:
        self.need(results.runs, *self.columns)
        decays = self._decays(results)
        rows, starts = list(decays.groupby(["task", "task_setting"], sort=False)), sorted(decays[START].unique())
        canvas = Canvas(figsize=(TEXT_WIDTH, 0.4 + 2.2 * len(rows)), layout="constrained")
        grid = canvas.subplots(len(rows), len(starts), squeeze=False, sharex=True, sharey="row")
        for axes_of_row, ((task, task_setting), of_row) in zip(grid, rows, strict=True):
            for axes, start in zip(axes_of_row, starts, strict=True):
                self._panel(axes, of_row[of_row[START] == start], styles)
                title = f"{task_title(str(task), str(task_setting))}: {start} start"
                axes.set(title=title, xlabel="recurrent gain")
            axes_of_row[0].set_ylabel("growth back through time\n(decades per step)")
            _name_the_halves(axes_of_row[-1])
        legend_above(canvas)
        return canvas

    def _decays(self, results: Results) -> pd.DataFrame:
        """The decays of each group of runs, with its gain and initialisation."""
        try:
            decays = gradient_decays(results)
        except ValueError as error:
            raise ValueError(f"DecayByGain: {error}") from error
        settings = results.runs[["task", "task_setting", "cell", "setting", GAIN, START]].drop_duplicates()
        return decays.merge(settings, on=["task", "task_setting", "cell", "setting"])

    def _panel(self, axes: Axes, decays: pd.DataFrame, styles: CellStyles) -> None:
        axes.axhline(0, color="0.3", linewidth=0.8)
        gains = sorted(decays[GAIN].unique())
        cells = styles.ordered(decays["cell"].unique())
        apart = 0.012 * (gains[-1] - gains[0])  # side by side, so that bars do not hide each other
        for dashes, words in ((SOLID, "at initialisation"), (DASHED, "after training")):
            axes.plot([], [], color="0.3", linestyle=dashes, label=words)
        for place, cell in enumerate(cells):
            group = decays[decays["cell"] == cell].sort_values(GAIN)
            colour = styles.of(cell)["color"]
            shift = 2 * (place - (len(cells) - 1) / 2) * apart
            for name, dashes, label, side in (
                ("decay_initial", SOLID, cell, 0),
                ("decay", DASHED, None, apart),
            ):
                # A decay is a positive slope of log g_t against t: looking back through time, the gradient falls.
                growth = -group[name]
                errors = [group[f"{name}_high"] - group[name], group[name] - group[f"{name}_low"]]
                axes.errorbar(
                    group[GAIN] + shift + side, growth, errors, color=colour, linestyle=dashes, marker="o",
                    markersize=3, elinewidth=0.8, capsize=2, label=label,
                )  # fmt: skip
        axes.set_xticks(gains)


def _name_the_halves(axes: Axes) -> None:
    """Which side of 0 is which, beside the panel."""
    low, high = axes.get_ylim()
    for value, word in ((low, "vanishes"), (high, "explodes")):
        if value:
            place = (0 - low) / (high - low)
            middle = place / 2 if value == low else (1 + place) / 2
            axes.annotate(
                word, (1.02, middle), xycoords="axes fraction", rotation=90, va="center", ha="left", fontsize=7,
                color="0.3",
            )  # fmt: skip
