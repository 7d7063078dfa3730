"""Loss on validation data against training steps, with the memoryless baseline."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.results import Results
from rnnbench.report.component import require
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import CellStyles, Line, legend_above, line_panels, panel_grid, panels_in_rows
from rnnbench.schema import Status


class LearningCurves(Figure):
    """Loss on validation data against training steps, one panel per task, or per task and cell.

    Lines are medians over seeds, bands the range over seeds. A run that stopped early keeps its last value, so that
    each point is over all seeds; a dot marks where a run stopped because it had solved its task, a cross where one
    diverged. The dashed line is the loss of the best predictor without memory.
    """

    needs = ("baseline_loss",)

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        histories = results.histories()
        require(histories, "validation_loss")
        histories = histories.dropna(subset="validation_loss")
        lines = line_panels(results.runs, styles)
        columns = panels_in_rows(len(lines))
        canvas, grid = panel_grid(-(-len(lines) // columns), columns)
        panels = [axes for row in grid for axes in row]
        for axes in panels[len(lines) :]:
            axes.set_axis_off()
        for axes, (title, of_panel) in zip(panels, lines, strict=False):
            self._panel(axes, of_panel, histories)
            axes.set(title=title, xlabel="training step", yscale="log")
        for row in grid:
            row[0].set_ylabel("validation loss")
        legend_above(canvas)
        return canvas

    def _panel(self, axes: Axes, lines: list[Line], histories: pd.DataFrame) -> None:
        baseline = lines[0][1]["baseline_loss"].iloc[0]
        axes.axhline(baseline, color="0.3", linewidth=0.8, linestyle=(0, (2, 2)), label="memoryless baseline", zorder=1)
        for label, group, style in lines:
            losses = histories[histories["run"].isin(group["run"])].pivot_table(
                index="step", columns="run", values="validation_loss"
            )
            whole = losses.ffill()
            axes.plot(whole.index, whole.median(axis=1), label=label, **style)
            axes.fill_between(whole.index, whole.min(axis=1), whole.max(axis=1), color=style["color"], alpha=0.2, lw=0)
            for run in group.itertuples():
                if run.run not in losses:
                    continue
                own = losses[run.run].dropna()
                if run.status == Status.DIVERGED:
                    axes.plot(own.index[-1], own.iloc[-1], "x", color=style["color"], markersize=5)
                elif run.solved and own.index[-1] < losses.index[-1]:
                    axes.plot(own.index[-1], own.iloc[-1], "o", color=style["color"], markersize=2.5)
