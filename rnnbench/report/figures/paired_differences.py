"""Cell against cell, seed by seed."""

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis import scoring
from rnnbench.analysis.results import Results
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import TEXT_WIDTH, CellStyles, panel_titles

COLUMNS_OF_PANELS = 2


class PairedDifferences(Figure):
    """One panel per task: the difference of two cells' normalised scores on the same seed.

    Dots are seeds; the bar is the mean with Student's 95% interval. Right of 0 the first cell is better; a bar that
    crosses 0 decides nothing.
    """

    columns: ClassVar[tuple[str, ...]] = ("test_loss", "baseline_loss")
    intervals = "95% over seeds: Student's on the differences within seeds"

    def draw(self, results: Results, styles: CellStyles) -> Canvas:
        self.need(results.runs, *self.columns)
        pairs = scoring.paired_differences(results.runs)
        if pairs.empty:
            raise ValueError("PairedDifferences: needs two cells on the same task; run another cell")
        scored = scoring.with_scores(results.runs)
        titles = panel_titles(results)
        most = max(len(of_task) for _, of_task in pairs.groupby(["task", "task_setting"]))
        columns = min(COLUMNS_OF_PANELS, len(titles))
        rows = -(-len(titles) // columns)
        width = TEXT_WIDTH if columns > 1 else 0.65 * TEXT_WIDTH
        canvas = Canvas(figsize=(width, 0.2 + (0.6 + 0.17 * most) * rows), layout="constrained")
        panels = canvas.subplots(rows, columns, squeeze=False, sharex=True).flatten().tolist()
        for axes in panels[len(titles) :]:
            axes.set_axis_off()
        for axes, ((task, task_setting), title) in zip(panels, titles.items(), strict=False):
            of_task = pairs[(pairs["task"] == task) & (pairs["task_setting"] == task_setting)]
            runs = scored[(scored["task"] == task) & (scored["task_setting"] == task_setting)]
            self._panel(axes, of_task, runs, styles)
            axes.set_title(title)
        for axes in panels[max(0, len(titles) - columns) : len(titles)]:
            axes.set_xlabel("difference of normalised scores")
            axes.tick_params(labelbottom=True)
        return canvas

    def _panel(self, axes: Axes, pairs: pd.DataFrame, runs: pd.DataFrame, styles: CellStyles) -> None:
        axes.axvline(0, color="0.3", linewidth=0.8)
        labels = []
        for place, row in enumerate(pairs.to_dict("records")):
            one, other = (_scores(runs, row[f"{which}cell"], row[f"{which}setting"]) for which in ("", "other_"))
            seeds = (one - other).dropna()
            colour = styles.of(row["cell"])["color"]
            if not np.isnan(row["difference_low"]):
                axes.plot(
                    [row["difference_low"], row["difference_high"]], [place, place],
                    color=colour, linewidth=3.5, alpha=0.4, solid_capstyle="butt",
                )  # fmt: skip
            axes.plot(row["difference"], place, "|", color=colour, markersize=9, markeredgewidth=1.6)
            axes.plot(seeds, [place] * len(seeds), ".", color="0.2", markersize=3)
            labels.append(f"{_label(row, '')} − {_label(row, 'other_')}")
        axes.set(ylim=(len(labels) - 0.5, -0.5), yticks=range(len(labels)), yticklabels=labels)
        axes.grid(visible=False, axis="y")


def _scores(runs: pd.DataFrame, cell: str, setting: str) -> "pd.Series[float]":
    return runs[(runs["cell"] == cell) & (runs["setting"] == setting)].set_index("seed")["score"]


def _label(row: dict[Any, Any], prefix: str) -> str:
    setting = row[f"{prefix}setting"]
    return f"{row[f'{prefix}cell']} ({setting})" if setting else str(row[f"{prefix}cell"])
