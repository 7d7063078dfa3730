"""Fraction of runs above each score, over all tasks."""

import numpy as np
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.aggregates import performance_profile
from rnnbench.analysis.results import Results
from rnnbench.analysis.scoring import score_matrix
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import COLUMN_WIDTH, CellStyles, labelled, legend_above

THRESHOLDS = np.linspace(0, 0.995, 200)


class PerformanceProfiles(Figure):
    """Fraction of runs, over all tasks, whose normalised score is above tau; higher is better at every tau.

    The score is 1 - test loss / loss of the memoryless baseline; runs that diverged or failed are above no tau.
    Bands are pointwise 95% bootstrap intervals, runs resampled within each task. Only seeds that a cell has on all of
    its tasks count.
    """

    needs = ("test_loss", "baseline_loss")
    intervals = "95% over seeds, for each threshold alone: percentile bootstrap of the runs, stratified by task"

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        canvas = Canvas(figsize=(COLUMN_WIDTH, 2.5), layout="constrained")
        axes = canvas.subplots()
        tasks = 0
        for label, runs, style in labelled(results.runs, styles):
            matrix = score_matrix(runs)
            tasks = max(tasks, matrix.shape[1])
            profile = performance_profile(matrix.to_numpy(), THRESHOLDS, np.random.default_rng(0), resamples=1000)
            axes.plot(profile["threshold"], profile["estimate"], label=label, **style)
            axes.fill_between(
                profile["threshold"], profile["low"], profile["high"], color=style["color"], alpha=0.15, linewidth=0
            )
        axes.set(
            xlabel=r"normalised score $\tau$", ylabel=f"fraction of runs above, {tasks} tasks", xlim=(0, 1),
            ylim=(0, 1.02),
        )  # fmt: skip
        legend_above(canvas)
        return canvas
