"""Cells of one width against cells with one number of parameters."""

from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.equal_terms import PARAMETERS, WIDTH, equal_terms
from rnnbench.analysis.intervals import mean_interval
from rnnbench.analysis.results import Results
from rnnbench.analysis.scoring import with_scores
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import TEXT_WIDTH, CellStyles, panel_titles


class EqualBudget(Figure):
    """One row per task, one column for each terms on which the cells are equal: width, or number of parameters.

    The normalised score on test data. Dots are seeds, the bar their mean with Student's 95% interval; below each cell
    its units and the parameters of its recurrent layers.
    """

    columns: ClassVar[tuple[str, ...]] = ("test_loss", "baseline_loss", WIDTH, PARAMETERS)
    intervals = "95% over seeds: Student's for the mean"

    def draw(self, results: Results, styles: CellStyles) -> Canvas:
        self.need(results.runs, *self.columns)
        try:
            terms = equal_terms(with_scores(results.runs))
        except ValueError as error:
            raise ValueError(f"EqualBudget: {error}") from error
        titles = panel_titles(results)
        canvas = Canvas(figsize=(TEXT_WIDTH, 0.2 + 2.1 * len(titles)), layout="constrained")
        grid = canvas.subplots(len(titles), len(terms), squeeze=False, sharey=True)
        for axes_of_row, ((task, task_setting), title) in zip(grid, titles.items(), strict=True):
            for axes, (words, runs) in zip(axes_of_row, terms.items(), strict=True):
                of_task = runs[(runs["task"] == task) & (runs["task_setting"] == task_setting)]
                self._panel(axes, of_task, styles)
                axes.set_title(f"{title}: {words}")
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
        axes.set(ylim=(0, 1.05))
        axes.set_xticks(range(len(labels)), labels)
        axes.grid(visible=False, axis="x")
