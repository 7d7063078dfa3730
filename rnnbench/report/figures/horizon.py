"""Success rate of each cell against the task's length, and the longest length that it solves."""

import numpy as np
from matplotlib.axes import Axes

from rnnbench.analysis.lengths import solvable_lengths, success_by_length
from rnnbench.analysis.results import Results
from rnnbench.report import drawing
from rnnbench.report.component import Figure
from rnnbench.report.sentences import lengths_solved
from rnnbench.report.style import SMALL, CellStyles, text_width


class Horizon(Figure):
    """Success rate against the task's length, and the longest solvable length, one row per task.

    Left: the fraction of runs that solved the task, with the exact 95% interval. Right: the longest length such that at
    least half of the runs solved the task at it and at every shorter length tested, with a 95% bootstrap interval; an
    arrow marks that this is the longest length tested, so that the true one may be longer.
    """

    needs = ("solved", "difficulty")
    intervals = (
        "95% over seeds: exact for the success rate, bootstrap of the runs within each length for the longest length"
    )

    def finding(self, results: Results) -> list[str]:
        """The longest lengths that half of the runs solve."""
        return lengths_solved(solvable_lengths(results.runs, np.random.default_rng(0)))

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        success = success_by_length(results.runs)
        longest = solvable_lengths(results.runs, np.random.default_rng(0))
        tasks = list(dict.fromkeys(success["task"]))
        rows = len(longest.groupby(["cell", "variant"]))
        row = 0.7 + drawing.ROW_OF_DOTS * rows
        many = drawing.has_many_cells(results.runs)
        canvas, grid = drawing.side_by_side(len(tasks), max(1.9, row), [1] if many else (3, 2), second_height=row)
        for (*left, right), task in zip(grid, tasks, strict=True):
            of_task, title = success[success["task"] == task], task.replace("_", " ")
            tested = sorted(of_task["length"].unique())
            for axes in left:
                _curves(axes, list(drawing.lines(of_task, styles)), tested)
                axes.set(title=title, xlabel="length T (steps)", ylabel="success rate")
            _ranges(right, list(drawing.lines(longest[longest["task"] == task], styles)), tested, many)
            drawing.title(right, f"{f'{title}: ' if many else ''}longest solvable length")
            right.set_xlabel("length T (steps)")
        canvas.explained["95% interval"] = drawing.mark("_" if many else "|", 8)
        canvas.explained["may be longer"] = drawing.mark(r"$\rightarrow$", 8)
        return canvas


def _curves(axes: Axes, lines: list[drawing.Line], tested: list[float]) -> None:
    """Lengths evenly spaced; lines side by side, so that equal rates do not hide each other."""
    for number, (label, group, style) in enumerate(lines):
        places = group["length"].map(tested.index) + 0.05 * (number - (len(lines) - 1) / 2)
        rate, low, high = np.array([[each.estimate, each.low, each.high] for each in group["success_rate"]]).T
        bars = [rate - low, high - rate]
        drawn = axes.errorbar(places.to_numpy(), rate, bars, markersize=4, label=label, elinewidth=0.8, **style)
        drawn.lines[2][0].set_alpha(0.5)
    axes.set(ylim=(-0.04, 1.04), yticks=(0, 0.25, 0.5, 0.75, 1))
    axes.set_xticks(range(len(tested)), [f"{length:,g}" for length in tested])
    axes.grid(visible=False, axis="x")


def _ranges(axes: Axes, lines: list[drawing.Line], tested: list[float], many: bool) -> None:
    """A row per cell: the longest length and its interval. Long names are left to the legend, which many lack."""
    ladder = [0.0, *tested]
    for place, (_, group, style) in enumerate(lines):
        (row,) = group.to_dict("records")
        reach, colour = row["longest_solvable_length"], style["color"]
        if not np.isnan(reach.low):
            ends = [ladder.index(reach.low), ladder.index(reach.high)]
            axes.plot(ends, [place, place], color=colour, linewidth=3, alpha=0.4)
        reached = ladder.index(reach.estimate)
        axes.plot(reached, place, style["marker"], color=colour, markersize=4)
        if row["at_longest_tested"]:
            arrow = {"arrowstyle": "->", "color": colour}
            axes.annotate("", (reached + 0.6, place), (reached + 0.1, place), arrowprops=arrow)
    axes.set_xlim(-0.4, len(ladder) - 0.2)
    axes.set_xticks(range(len(ladder)), ["none", *(f"{length:,g}" for length in tested)])
    labels = [label for label, *_ in lines]
    if max(drawing.inches(label, SMALL) for label in labels) > text_width() / 2 and not many:
        labels = [""] * len(labels)  # the legend has them
    drawing.dot_rows(axes, labels)
