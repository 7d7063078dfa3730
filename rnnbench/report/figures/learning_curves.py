"""Held-out loss against training steps, with the trivial score."""

from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.results import Results
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import CellStyles, Line, legend_above, line_panels, panel_grid, panels_in_rows


class LearningCurves(Figure):
    """One panel per task, or per task and cell. Lines are medians over seeds, bands the range over seeds.

    A run that stopped, solved or diverged, keeps its last value from there on, so that the line stays one over all
    seeds; a dot marks where a run stopped because it was solved, a cross where one diverged.
    """

    columns: ClassVar[tuple[str, ...]] = ("baseline_loss",)

    def draw(self, results: Results, styles: CellStyles) -> Canvas:
        histories = results.histories()
        self.need(results.runs, *self.columns)
        self.need(histories, "validation_loss")
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
            row[0].set_ylabel("held-out loss")
        legend_above(canvas)
        return canvas

    def _panel(self, axes: Axes, lines: list[Line], histories: pd.DataFrame) -> None:
        trivial = lines[0][1]["baseline_loss"].iloc[0]
        axes.axhline(trivial, color="0.3", linewidth=0.8, linestyle=(0, (2, 2)), label="trivial", zorder=1)
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
                if run.status == "diverged":
                    axes.plot(own.index[-1], own.iloc[-1], "x", color=style["color"], markersize=5)
                elif run.solved and own.index[-1] < losses.index[-1]:
                    axes.plot(own.index[-1], own.iloc[-1], "o", color=style["color"], markersize=2.5)
