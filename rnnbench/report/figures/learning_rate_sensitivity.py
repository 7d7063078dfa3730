"""How much a tuned setting, such as the learning rate, matters to each cell."""

from typing import ClassVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullLocator

from rnnbench.analysis.results import Results
from rnnbench.analysis.tuning import candidates
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import CellStyles, labelled, legend_above, panel_grid, panel_titles, panels_in_rows


class LearningRateSensitivity(Figure):
    """One panel per task: the normalised score on validation data against the tuned setting, the learning rate.

    Lines are means over seeds, bands their range; diverged and failed runs score 0. A ring, one around the
    other, is the value that was chosen for the cell, and with which it stands in the other tables and figures.
    """

    columns: ClassVar[tuple[str, ...]] = ("validation_loss", "baseline_loss")
    intervals = "none: bands are the range over seeds"

    def draw(self, results: Results, styles: CellStyles) -> Canvas:
        if results.tuned is None:
            raise ValueError("LearningRateSensitivity: needs a setting that is tuned; add tuned=optimizer.lr")
        self.need(results.runs, *self.columns)
        table = candidates(results, results.tuned)
        titles = panel_titles(results)
        columns = panels_in_rows(len(titles))
        canvas, grid = panel_grid(-(-len(titles) // columns), columns)
        panels = [axes for row in grid for axes in row]
        for axes in panels[len(titles) :]:
            axes.set_axis_off()
        for axes, ((task, task_setting), title) in zip(panels, titles.items(), strict=False):
            of_task = table[(table["task"] == task) & (table["task_setting"] == task_setting)]
            for place, (label, group, style) in enumerate(labelled(of_task, styles)):
                axes.plot(group["value"], group["validation_score"], label=label, marker=".", markersize=4, **style)
                axes.fill_between(
                    group["value"], group["validation_score_lowest"], group["validation_score_highest"],
                    color=style["color"], alpha=0.13, linewidth=0,
                )  # fmt: skip
                (chosen,) = group[group["chosen"]].to_dict("records")
                axes.plot(
                    chosen["value"], chosen["validation_score"], "o", color=style["color"], markersize=7 + 3 * place,
                    markerfacecolor="none", clip_on=False,
                )  # fmt: skip
            _value_axis(axes, sorted(of_task["value"].unique()))
            axes.set(title=title, xlabel=_words(results.tuned), ylim=(-0.03, 1.03))
        for row in grid:
            row[0].set_ylabel("score on validation data")
        legend_above(canvas)
        return canvas


def _value_axis(axes: Axes, values: list[float]) -> None:
    if min(values) > 0 and max(values) / min(values) >= 8:
        axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.xaxis.set_minor_locator(NullLocator())


def _words(setting: str) -> str:
    return "learning rate" if setting == "optimizer.lr" else setting
