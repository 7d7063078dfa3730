"""Score on validation data against the learning rate, or another tuned setting."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullLocator

from rnnbench.analysis.results import Results
from rnnbench.analysis.tuning import candidates
from rnnbench.errors import SettingError
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import CellStyles, labelled, legend_above, panel_grid, panels_in_rows, task_panels


class LearningRateSensitivity(Figure):
    """Normalised score on validation data against the tuned setting, such as the learning rate, one panel per task.

    Lines are means over seeds, bands the range over seeds; runs that diverged or failed score 0. A ring marks the value
    chosen for the cell, which all other tables and figures use; where cells share a value their rings are concentric.
    """

    needs = ("validation_loss", "baseline_loss")
    intervals = "none: bands are the range over seeds"

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        if results.tuned is None:
            raise SettingError("needs a setting that is tuned; add tuned=optimizer.lr")
        tasks = task_panels(candidates(results, results.tuned))
        columns = panels_in_rows(len(tasks))
        canvas, grid = panel_grid(-(-len(tasks) // columns), columns)
        panels = [axes for row in grid for axes in row]
        for axes in panels[len(tasks) :]:
            axes.set_axis_off()
        for axes, (title, of_task) in zip(panels, tasks, strict=False):
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
            axes.set(title=title, xlabel=_axis_label(results.tuned), ylim=(-0.03, 1.03))
        for row in grid:
            row[0].set_ylabel("score on validation data")
        legend_above(canvas)
        return canvas


def _value_axis(axes: Axes, values: list[float]) -> None:
    if min(values) > 0 and max(values) / min(values) >= 8:
        axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.xaxis.set_minor_locator(NullLocator())


def _axis_label(setting: str) -> str:
    return "learning rate" if setting == "optimizer.lr" else setting
