"""How fast gradients decay or grow through time, by recurrent gain."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.gradient_decay import gradient_decays
from rnnbench.analysis.results import Results
from rnnbench.report.figures.figure import Figure
from rnnbench.report.flat import flat
from rnnbench.report.style import TEXT_WIDTH, CellStyles, legend_above, task_panels
from rnnbench.schema import GROUP

SOLID, DASHED = "-", (0, (2, 1.5))
GAIN, START = "model.recurrent_gain", "model.initialisation"


class DecayByGain(Figure):
    """Growth of the gradient on its way back through time against the recurrent gain, by task and initialisation.

    Minus the slope of log10 g_t against t, where g_t is the norm of d loss / d s_t: below 0 the gradient vanishes,
    above 0 it explodes. Solid: at initialisation; dashed: after training. Points are means over seeds, bars Student's
    95% intervals.
    """

    needs = (GAIN, START)
    intervals = "95% over seeds: Student's for the mean"

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        decays = self._decays(results)
        rows, starts = task_panels(decays), sorted(decays[START].unique())
        canvas = Canvas(figsize=(TEXT_WIDTH, 0.4 + 2.2 * len(rows)), layout="constrained")
        grid = canvas.subplots(len(rows), len(starts), squeeze=False, sharex=True, sharey="row")
        for axes_of_row, (title, of_row) in zip(grid, rows, strict=True):
            for axes, start in zip(axes_of_row, starts, strict=True):
                self._panel(axes, of_row[of_row[START] == start], styles)
                axes.set(title=f"{title}: {start} initialisation", xlabel="recurrent gain")
            axes_of_row[0].set_ylabel("growth back through time\n(decades per step)")
            _name_the_halves(axes_of_row[-1])
        legend_above(canvas)
        return canvas

    def _decays(self, results: Results) -> pd.DataFrame:
        """The decays of each group of runs, with its gain and initialisation."""
        settings = results.runs[[*GROUP, GAIN, START]].drop_duplicates()
        return gradient_decays(results).merge(settings, on=GROUP)

    def _panel(self, axes: Axes, decays: pd.DataFrame, styles: CellStyles) -> None:
        axes.axhline(0, color="0.3", linewidth=0.8)
        gains = sorted(decays[GAIN].unique())
        cells = styles.ordered(decays["cell"].unique())
        apart = 0.012 * (gains[-1] - gains[0])  # side by side, so that bars do not hide each other
        for dashes, moment in ((SOLID, "at initialisation"), (DASHED, "after training")):
            axes.plot([], [], color="0.3", linestyle=dashes, label=moment)
        for place, cell in enumerate(cells):
            group = decays[decays["cell"] == cell].sort_values(GAIN)
            colour = styles.of(cell)["color"]
            shift = 2 * (place - (len(cells) - 1) / 2) * apart
            for name, dashes, label, side in (
                ("decay_initial", SOLID, cell, 0),
                ("decay", DASHED, None, apart),
            ):
                # A decay is a positive slope of log g_t against t: looking back through time, the gradient falls.
                decay = flat(group[[name]])
                growth = -decay[name].to_numpy()
                errors = [decay[f"{name}_high"] - decay[name], decay[name] - decay[f"{name}_low"]]
                axes.errorbar(
                    group[GAIN].to_numpy() + shift + side, growth, errors, color=colour, linestyle=dashes, marker="o",
                    markersize=3, elinewidth=0.8, capsize=2, label=label,
                )  # fmt: skip
        axes.set_xticks(gains)


def _name_the_halves(axes: Axes) -> None:
    """Say beside the panel on which side of 0 the gradient vanishes, and on which it explodes."""
    low, high = axes.get_ylim()
    for value, label in ((low, "vanishes"), (high, "explodes")):
        if value:
            place = (0 - low) / (high - low)
            middle = place / 2 if value == low else (1 + place) / 2
            axes.annotate(
                label, (1.02, middle), xycoords="axes fraction", rotation=90, va="center", ha="left", fontsize=7,
                color="0.3",
            )  # fmt: skip
