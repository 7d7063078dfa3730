"""Scores of cells of equal width, and of cells with equally many parameters."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.intervals import mean_interval
from rnnbench.analysis.matched_comparisons import PARAMETERS, WIDTH, matched_comparisons
from rnnbench.analysis.results import Results
from rnnbench.analysis.scoring import with_scores
from rnnbench.report.figures.figure import Figure
from rnnbench.report.labels import match_label
from rnnbench.report.style import TEXT_WIDTH, CellStyles, task_panels


class EqualBudget(Figure):
    """Normalised score on test data, one row per task: left cells of equal width, right of equally many parameters.

    Bars are means over seeds with Student's 95% intervals, dots the seeds. Below each cell stand its hidden units and
    the parameters of its recurrent layers. A number of parameters counts as equal within 4%.
    """

    needs = ("test_loss", "baseline_loss", WIDTH, PARAMETERS)
    intervals = "95% over seeds: Student's for the mean"

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        matched = matched_comparisons(with_scores(results.runs))
        tasks = task_panels(results.runs)
        canvas = Canvas(figsize=(TEXT_WIDTH, 0.2 + 2.1 * len(tasks)), layout="constrained")
        grid = canvas.subplots(len(tasks), len(matched), squeeze=False, sharey=True)
        for axes_of_row, (title, of_task) in zip(grid, tasks, strict=True):
            for axes, (match, runs) in zip(axes_of_row, matched.items(), strict=True):
                self._panel(axes, runs[runs["run"].isin(of_task["run"])], styles)
                axes.set_title(f"{title}: {match_label(match)}")
            axes_of_row[0].set_ylabel("normalised score")
        return canvas

    def _panel(self, axes: Axes, runs: pd.DataFrame, styles: CellStyles) -> None:
        labels = []
        for place, cell in enumerate(styles.ordered(runs["cell"].unique())):
            group = runs[runs["cell"] == cell]
            colour = styles.of(cell)["color"]
            mean = mean_interval(group["score"].to_numpy())
            axes.bar(place, mean.estimate, width=0.62, color=colour, alpha=0.55, linewidth=0)
            axes.errorbar(
                place, mean.estimate, [[mean.estimate - mean.low], [mean.high - mean.estimate]],
                color=colour, elinewidth=1.2, capsize=3,
            )  # fmt: skip
            axes.plot([place] * len(group), group["score"], ".", color="0.2", markersize=4)
            widths = "/".join(f"{width:g}" for width in sorted(group[WIDTH].unique()))
            labels.append(f"{cell}\n{widths} units\n{group[PARAMETERS].mean():,.0f} param.")
        axes.set(ylim=(min(0, axes.get_ylim()[0]), 1.05))
        axes.set_xticks(range(len(labels)), labels)
        axes.grid(visible=False, axis="x")
