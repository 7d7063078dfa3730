"""Success rate of each cell against the task's length, and the longest length that it solves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from rnnbench.analysis.horizon import solvable_lengths, success_by_length
from rnnbench.analysis.milestones import SOLVED
from rnnbench.analysis.results import Results
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import (
    CellStyles,
    dot_rows,
    has_many_cells,
    labelled,
    legend_above,
    mark,
    marker_of,
    text_width,
)
from rnnbench.report.values import to_columns


class Horizon(Figure):
    """Success rate against the task's length, and the longest solvable length, one row per task.

    Left: the fraction of runs that solved the task, with the exact 95% interval; of more than eight cells the fraction
    alone. Right: the longest length such that at
    least half of the runs solved the task at it and at every shorter length tested, with a 95% bootstrap interval; an
    arrow marks that this is the longest length tested, so that the true one may be longer.
    """

    needs = ("solved", "difficulty")
    intervals = (
        "95% over seeds: exact for the success rate, bootstrap of the runs within each length for the longest length"
    )

    def __init__(self, only: Mapping[str, Sequence[Any]] | None = None, milestone: str = SOLVED) -> None:
        """`milestone` is what is to be reached: `solved`, the task's criterion, or a softer one of its milestones."""
        super().__init__(only)
        self.milestone = milestone

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        success = success_by_length(results.runs, self.milestone)
        longest = solvable_lengths(results.runs, np.random.default_rng(0), self.milestone)
        of = "" if self.milestone == SOLVED else f" ({self.milestone.replace('_', ' ')})"
        tasks = list(dict.fromkeys(success["task"]))
        lines = len(longest.groupby(["cell", "variant"]))
        canvas = Canvas(figsize=(text_width(), 0.4 + max(1.9, 0.9 + 0.16 * lines) * len(tasks)), layout="constrained")
        grid = canvas.subplots(len(tasks), 2, squeeze=False, width_ratios=(3, 2))
        for (left, right), task in zip(grid, tasks, strict=True):
            of_task = success[success["task"] == task]
            tested = sorted(of_task["length"].unique())
            many = has_many_cells(results.runs)
            (self._rates if many else self._curves)(left, of_task, tested, styles)
            self._ranges(right, longest[longest["task"] == task], tested, styles)
            left.set(title=task.replace("_", " "), xlabel="length T (steps)")
            if many:
                left.set_title(f"{task.replace('_', ' ')}: success rate{of}")
            else:
                left.set_ylabel(f"success rate{of}")
            right.set(title=f"longest solvable length{of}", xlabel="length T (steps)")
        explained = {"95% interval": mark("_" if many else "|", 8), "may be longer": mark(r"$\rightarrow$", 8)}
        legend_above(canvas, explained)
        return canvas

    def _curves(self, axes: Axes, success: pd.DataFrame, tested: list[float], styles: CellStyles) -> None:
        """Lengths evenly spaced; lines side by side, so that equal rates do not hide each other."""
        groups = list(labelled(success, styles))
        for number, (label, group, style) in enumerate(groups):
            places = group["length"].map(tested.index) + 0.09 * (number - (len(groups) - 1) / 2)
            rates = to_columns(group[["success_rate"]])
            rate = rates["success_rate"]
            bars = [rate - rates["success_rate_low"], rates["success_rate_high"] - rate]
            axes.errorbar(
                places.to_numpy(),
                rate,
                bars,
                marker=marker_of(style),
                markersize=4,
                label=label,
                elinewidth=1,
                capsize=2,
                **style,
            )
        axes.set(ylim=(-0.04, 1.04), yticks=(0, 0.25, 0.5, 0.75, 1))
        axes.set_xticks(range(len(tested)), [f"{length:g}" for length in tested])
        axes.grid(visible=False, axis="x")

    def _rates(self, axes: Axes, success: pd.DataFrame, tested: list[float], styles: CellStyles) -> None:
        """A row per cell, the rate as a shade and a number."""
        labels = []
        for place, (label, group, _) in enumerate(labelled(success, styles)):
            labels.append(label)
            for length, interval in zip(group["length"], group["success_rate"], strict=True):
                rate = interval.estimate
                dark = "white" if rate > 0.5 else "black"
                box = Rectangle((tested.index(length) - 0.5, place - 0.5), 1, 1, facecolor=str(0.95 - 0.65 * rate))
                axes.add_patch(box)
                axes.text(tested.index(length), place, f"{rate:.2g}", ha="center", va="center", fontsize=6, color=dark)
        axes.set_xlim(-0.5, len(tested) - 0.5)
        axes.set_xticks(range(len(tested)), [f"{length:g}" for length in tested])
        dot_rows(axes, labels)
        axes.grid(visible=False)

    def _ranges(self, axes: Axes, longest: pd.DataFrame, tested: list[float], styles: CellStyles) -> None:
        ladder, labels = [0.0, *tested], []
        for place, (label, group, style) in enumerate(labelled(longest, styles)):
            (row,) = group.to_dict("records")
            reach, colour = row["longest_solvable_length"], style["color"]
            if not np.isnan(reach.low):
                ends = [ladder.index(reach.low), ladder.index(reach.high)]
                axes.plot(ends, [place, place], color=colour, linewidth=3, alpha=0.4)
            reached = ladder.index(reach.estimate)
            axes.plot(reached, place, marker_of(style), color=colour, markersize=4)
            if row["at_longest_tested"]:
                arrow = {"arrowstyle": "->", "color": colour}
                axes.annotate("", (reached + 0.6, place), (reached + 0.1, place), arrowprops=arrow)
            labels.append(label)
        axes.set(xlim=(-0.4, len(ladder) - 0.2), ylim=(len(labels) - 0.5, -0.5))
        axes.set_xticks(range(len(ladder)), ["none", *(f"{length:g}" for length in tested)])
        dot_rows(axes, labels)
