"""Differences of scores between two cells on the same seeds."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis import scoring
from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import Variant
from rnnbench.errors import SettingError
from rnnbench.report.figures.figure import Figure
from rnnbench.report.labels import variant_label
from rnnbench.report.style import TEXT_WIDTH, CellStyles, task_panels

COLUMNS_OF_PANELS = 2


class PairedDifferences(Figure):
    """Difference of two cells' normalised scores on the same seed, one panel per task.

    Dots are seeds, ticks their mean, bars Student's 95% interval of the mean. Right of 0 the cell named first is
    better; where a bar includes 0, these runs do not tell which is.
    """

    needs = ("test_loss", "baseline_loss")
    intervals = "95% over seeds: Student's on the differences within seeds"

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        pairs = scoring.paired_differences(results.runs)
        if pairs.empty:
            raise SettingError("needs two cells on the same task; run another cell")
        scored = scoring.with_scores(results.runs)
        tasks = task_panels(pairs)
        most = max(len(of_task) for _, of_task in tasks)
        columns = min(COLUMNS_OF_PANELS, len(tasks))
        rows = -(-len(tasks) // columns)
        width = TEXT_WIDTH if columns > 1 else 0.65 * TEXT_WIDTH
        canvas = Canvas(figsize=(width, 0.2 + (0.6 + 0.17 * most) * rows), layout="constrained")
        panels = canvas.subplots(rows, columns, squeeze=False, sharex=True).flatten().tolist()
        for axes in panels[len(tasks) :]:
            axes.set_axis_off()
        runs = dict(task_panels(scored))
        for axes, (title, of_task) in zip(panels, tasks, strict=False):
            self._panel(axes, of_task, runs[title], styles)
            axes.set_title(title)
        for axes in panels[max(0, len(tasks) - columns) : len(tasks)]:
            axes.set_xlabel("difference of normalised scores")
            axes.tick_params(labelbottom=True)
        return canvas

    def _panel(self, axes: Axes, pairs: pd.DataFrame, runs: pd.DataFrame, styles: CellStyles) -> None:
        axes.axvline(0, color="0.3", linewidth=0.8)
        labels = []
        for place, row in enumerate(pairs.to_dict("records")):
            one, other = (_scores(runs, row[f"{which}cell"], row[f"{which}variant"]) for which in ("", "other_"))
            seeds = (one - other).dropna()
            colour, mean = styles.of(row["cell"])["color"], row["difference"]
            if not np.isnan(mean.low):
                axes.plot(
                    [mean.low, mean.high], [place, place],
                    color=colour, linewidth=3.5, alpha=0.4, solid_capstyle="butt",
                )  # fmt: skip
            axes.plot(mean.estimate, place, "|", color=colour, markersize=9, markeredgewidth=1.6)
            axes.plot(seeds, [place] * len(seeds), ".", color="0.2", markersize=3)
            labels.append(" − ".join(_label(row[f"{which}cell"], row[f"{which}variant"]) for which in ("", "other_")))
        axes.set(ylim=(len(labels) - 0.5, -0.5), yticks=range(len(labels)), yticklabels=labels)
        axes.grid(visible=False, axis="y")


def _scores(runs: pd.DataFrame, cell: str, variant: Variant) -> "pd.Series[float]":
    return runs[(runs["cell"] == cell) & (runs["variant"] == variant)].set_index("seed")["score"]


def _label(cell: str, variant: Variant) -> str:
    return f"{cell} ({variant_label(variant)})" if variant else cell
