"""How far each cell reaches: success against length."""

from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.horizon import solvable_lengths, success_by_length
from rnnbench.analysis.results import Results
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import TEXT_WIDTH, CellStyles, labelled, legend_above


class Horizon(Figure):
    """One row per task. Left: the share of runs that solved it against its length, with Wilson's 95% interval.

    Right: the longest length such that it and every shorter one is solved by at least half of the runs, with its 95%
    bootstrap interval; an arrow where that is the longest length tested, so that the true one may be longer; none where
    the shortest is not solved.
    """

    columns: ClassVar[tuple[str, ...]] = ("solved", "difficulty")
    intervals = (
        "95% over seeds: Wilson's for the share, bootstrap of the runs within each length for the longest length"
    )

    def draw(self, results: Results, styles: CellStyles) -> Canvas:
        self.need(results.runs, *self.columns)
        success = success_by_length(results.runs)
        longest = solvable_lengths(results.runs, np.random.default_rng(0))
        tasks = list(dict.fromkeys(success["task"]))
        lines = len(longest.groupby(["cell", "setting"]))
        canvas = Canvas(figsize=(TEXT_WIDTH, 0.4 + max(1.9, 0.9 + 0.16 * lines) * len(tasks)), layout="constrained")
        grid = canvas.subplots(len(tasks), 2, squeeze=False, width_ratios=(3, 2))
        for (left, right), task in zip(grid, tasks, strict=True):
            of_task = success[success["task"] == task]
            tested = sorted(of_task["length"].unique())
            self._curves(left, of_task, tested, styles)
            self._ranges(right, longest[longest["task"] == task], tested, styles)
            left.set(title=task.replace("_", " "), xlabel="length T (steps)", ylabel="share of runs that solve it")
            right.set(title="longest solvable length", xlabel="length T (steps)")
        legend_above(canvas)
        return canvas

    def _curves(self, axes: Axes, success: pd.DataFrame, tested: list[float], styles: CellStyles) -> None:
        """Lengths evenly spaced; lines side by side, so that equal shares do not hide each other."""
        groups = list(labelled(success, styles))
        for number, (label, group, style) in enumerate(groups):
            places = group["length"].map(tested.index) + 0.09 * (number - (len(groups) - 1) / 2)
            share = group["solved_share"]
            bars = [share - group["solved_share_low"], group["solved_share_high"] - share]
            axes.errorbar(
                places, share, bars, marker="o", markersize=3.5, label=label, elinewidth=1, capsize=2, **style
            )
        axes.set(ylim=(-0.04, 1.04), yticks=(0, 0.25, 0.5, 0.75, 1))
        axes.set_xticks(range(len(tested)), [f"{length:g}" for length in tested])
        axes.grid(visible=False, axis="x")

    def _ranges(self, axes: Axes, longest: pd.DataFrame, tested: list[float], styles: CellStyles) -> None:
        ladder, labels = [0.0, *tested], []
        for place, (label, group, style) in enumerate(labelled(longest, styles)):
            (row,) = group.to_dict("records")
            name, colour = "longest_solvable_length", style["color"]
            if not np.isnan(row[f"{name}_low"]):
                ends = [ladder.index(row[f"{name}_low"]), ladder.index(row[f"{name}_high"])]
                axes.plot(ends, [place, place], color=colour, linewidth=3, alpha=0.4)
            reached = ladder.index(row[name])
            axes.plot(reached, place, "o", color=colour, markersize=4)
            if row["reaches_the_end"]:
                arrow = {"arrowstyle": "->", "color": colour}
                axes.annotate("", (reached + 0.6, place), (reached + 0.1, place), arrowprops=arrow)
            labels.append(label)
        axes.set(xlim=(-0.4, len(ladder) - 0.2), ylim=(len(labels) - 0.5, -0.5))
        axes.set_xticks(range(len(ladder)), ["none", *(f"{length:g}" for length in tested)])
        axes.set_yticks(range(len(labels)), labels)
        axes.grid(visible=False, axis="y")
