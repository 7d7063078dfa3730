"""Cells of equal width, and cells with equally many parameters."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from rnnbench.analysis import loss_comparison
from rnnbench.analysis.cell_pairs import PARAMETERS, WIDTH, matched_comparisons
from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.milestones import median_steps, steps_to, trained_runs
from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import Variant
from rnnbench.report import drawing
from rnnbench.report.cell_names import cell_name
from rnnbench.report.component import Figure
from rnnbench.report.labels import RELATIVE_LOSS, match_label
from rnnbench.report.sentences import compared
from rnnbench.report.style import CellStyles

OPEN = 1e12
"""Stands for the end of an interval that is open."""
STEPS = "training steps to solve"


class EqualBudget(Figure):
    """Cells of equal width on the left, of equally many parameters on the right, one row per task; lower is better.

    Where all runs trained equally many steps, their loss on test data over that of the best constant, of a task
    without one the loss itself, with the
    geometric mean over seeds and Student's 95% interval of the logarithm. Otherwise, since a loss at which a run
    stopped says when it stopped, their training steps to solve the task, with the median and the interval between order
    statistics; runs that did not solve it stand at their budget, and an interval
    that reaches the top of the panel is open. Below each cell stand its hidden units and the
    parameters (p.) of its recurrent layers; numbers of parameters within 4% count as equal.
    """

    needs = ("test_loss", "steps_to_solve", "steps_trained", WIDTH, PARAMETERS)
    intervals = "95% over seeds: of losses Student's for the mean logarithm, of steps order statistics of the median"

    def finding(self, results: Results) -> list[str]:
        """Which cells have a smaller loss at each match, by a test."""
        found = []
        for match, runs in matched_comparisons(trained_runs(results.runs)).items():
            alike = runs.assign(variant=pd.Series([Variant()] * len(runs), runs.index))
            rows = loss_comparison.loss_comparison(alike, np.random.default_rng(0))
            said = compared(rows[rows["why_not_compared"] == ""], "losses", loss_comparison.FACTOR) if len(rows) else []
            found += [f"{match_label(match).capitalize()}. {' '.join(said)}"] if said else []
        return found

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        matched = matched_comparisons(trained_runs(results.runs))
        by_loss = all(loss_comparison.has_equal_budgets(runs) for runs in matched.values())
        tasks = drawing.by_task(results.runs)
        many = drawing.has_many_cells(results.runs)
        height, room = (4.0, np.inf) if many else (2.1, drawing.PANEL_WIDTH)
        canvas, grid = drawing.side_by_side(len(tasks), height, [1] * len(matched), sharey=True, panel_width=room)
        for axes_of_row, (title, of_task) in zip(grid, tasks, strict=True):
            logarithmic = not by_loss or bool(loss_comparison.is_logarithmic(of_task).all())
            for axes, (match, runs) in zip(axes_of_row, matched.items(), strict=True):
                self._panel(axes, runs[runs["run"].isin(of_task["run"])], by_loss, styles, logarithmic, many)
                drawing.title(axes, f"{title}: {match_label(match)}")
            has_baseline = logarithmic and bool(loss_comparison.baselines(of_task).notna().any())
            for axes in axes_of_row:
                if drawing.is_at_left(axes):
                    axes.set_ylabel(RELATIVE_LOSS[has_baseline] if by_loss else STEPS)
        mean = "geometric mean" if loss_comparison.is_logarithmic(results.runs).all() else "mean"
        middle = {mean if by_loss else "median": drawing.mark("_", 9, markeredgewidth=1.6)}
        canvas.explained = {"one run": drawing.mark(".", 5), **middle, "95% interval": drawing.band()}
        if not by_loss:
            canvas.explained["run that did not solve it, at its budget"] = drawing.mark("^", hollow=True)
        return canvas

    def _panel(
        self, axes: Axes, runs: pd.DataFrame, by_loss: bool, styles: CellStyles, logarithmic: bool, many: bool
    ) -> None:
        labels: list[str] = []
        drawn: list[float] = []
        for place, cell in enumerate(styles.ordered(runs["cell"].unique())):
            group = runs[runs["cell"] == cell]
            values, unsolved, middle = _values(group, by_loss, logarithmic)
            colour = styles.of(cell)["color"]
            apart = place + 0.3 * (np.arange(len(values)) / max(1, len(values) - 1) - 0.5)
            axes.plot(apart[~unsolved], values[~unsolved], ".", color=colour, markersize=4)
            axes.plot(apart[unsolved], values[unsolved], "^", color=colour, markersize=4, markerfacecolor="none")
            axes.plot([place - 0.3, place + 0.3], [middle.estimate] * 2, color=colour, linewidth=2)
            if not np.isnan(middle.low):
                ends = [middle.low, min(middle.high, OPEN)]
                axes.plot([place] * 2, ends, color=colour, linewidth=5, alpha=0.35, solid_capstyle="butt")
            drawn += [*values, middle.low, middle.high]
            widths = "/".join(f"{width:g}" for width in sorted(group[WIDTH].unique()))
            parts = (cell_name(cell), f"{widths} units", f"{group[PARAMETERS].mean():,.0f} p.")
            labels.append(", ".join(parts) if many else "\n".join(parts))
        axes.set_xticks(range(len(labels)), labels)
        if many:
            axes.tick_params(axis="x", rotation=90, labelsize=6)
        axes.set_xlim(-0.6, len(labels) - 0.4)
        axes.grid(visible=False, axis="x")
        known = np.array([value for value in drawn if np.isfinite(value) and value < OPEN])
        if not logarithmic or not known.size:
            return
        low, high = axes.get_ylim() if axes.get_yscale() == "log" else (np.inf, 0)
        axes.set(yscale="log", ylim=(min(low, known.min() / 1.15), max(high, known.max() * 1.15)))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        axes.yaxis.set_major_formatter("{x:,g}")
        axes.yaxis.set_minor_formatter(NullFormatter())


def _values(runs: pd.DataFrame, by_loss: bool, logarithmic: bool) -> tuple["np.ndarray", "np.ndarray", Interval]:
    """Each run's value, which of them stand at their budget, and the middle with its interval."""
    if not by_loss:
        steps = steps_to(runs)
        return steps.last_steps, ~steps.solved, median_steps(steps).interval
    losses = loss_comparison.relative_losses(runs) if logarithmic else loss_comparison.losses_of(runs)
    finite = losses[np.isfinite(losses)]
    return finite, np.zeros(finite.size, bool), loss_comparison.mean_loss(finite, logarithmic)
