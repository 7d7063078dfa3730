"""Loss on validation data against training steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.component import Figure
from rnnbench.report.labels import loss_name
from rnnbench.report.style import CellStyles, marked
from rnnbench.schema import Status

CARRIED: dict[str, Any] = {"linewidth": 0.7, "alpha": 0.7}
OTHERS: dict[str, Any] = {"color": "0.85", "linewidth": 0.5, "zorder": 0.5, "label": "_other cells"}
"""The look of other cells' lines in the panel of one cell."""


class LearningCurves(Figure):
    """Loss on validation data against training steps, one panel per task, or per task and cell.

    Lines are medians over seeds, bands the range over seeds. A run that stopped early keeps its last value, so that
    each point is over all seeds; lines are thin from where the first run stopped. More than eight cells have a panel
    each, with the others in grey. The best constant, where the
    task has one, is the best predictor that remembers nothing of the sequence.

    `levels` are further horizontal lines: losses by name, such as those of milestones.
    """

    def __init__(
        self, only: Mapping[str, Sequence[Any]] | None = None, levels: Mapping[str, float] | None = None
    ) -> None:
        super().__init__(only)
        self.levels = levels or {}

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        histories = results.histories()
        if "validation_loss" not in histories:
            raise SettingError("needs histories with validation losses, which no run has")
        histories = histories.dropna(subset="validation_loss")
        rows = drawing.line_panels(results.runs, styles)
        many = drawing.has_many_cells(results.runs)
        loss = f"validation {loss_name(results.runs['task'].unique())}"
        canvas, panels = drawing.grid([title for title, _ in rows], many, "training step", loss)
        explained: dict[str, Any] = {"range over seeds": drawing.band()}
        # small panels share their axis
        logarithmic = not many or not (histories["validation_loss"] <= 0).any()
        if many:
            _draw_others(panels, rows, histories)
            explained["the other cells"] = Line2D([], [], color=OTHERS["color"], linewidth=1)
            rows = [(title, [(f"_{label}", group, style) for label, group, style in lines]) for title, lines in rows]
        for axes, (_, lines) in zip(panels, rows, strict=True):
            explained |= self._panel(axes, lines, histories, logarithmic)
        drawing.legend_above(canvas, explained)
        return canvas

    def _panel(
        self, axes: Axes, lines: list[drawing.Line], histories: pd.DataFrame, logarithmic: bool
    ) -> dict[str, Line2D]:
        """Draw a panel; returns handles, by label, for what the legend has to explain."""
        drawn = [(*line, losses) for line in lines if not (losses := _losses(histories, line[1]["run"])).empty]
        if not drawn:
            drawing.say_empty(axes, "no run has a history")
            return {}
        explained: dict[str, Line2D] = {}
        for label, group, style, losses in drawn:
            whole = losses.ffill()
            stopped = int(losses.notna().iloc[::-1].idxmax().min())
            median = whole.median(axis=1)
            axes.plot(median[:stopped], label=label, **marked(style, len(median[:stopped])))
            if stopped < whole.index[-1]:
                axes.plot(median[stopped:], **{**style, **CARRIED})
                explained["some stopped: last values kept"] = Line2D([], [], color="0.3", **CARRIED)
            axes.fill_between(whole.index, whole.min(axis=1), whole.max(axis=1), color=style["color"], alpha=0.15, lw=0)
            explained |= _mark_the_ends(axes, group, losses, style["color"])
        known = pd.concat([group.get("baseline_loss", pd.Series(dtype=float)) for _, group, *_ in lines]).dropna()
        levels = {**({"best constant": float(known.iloc[0])} if len(known) else {}), **self.levels}
        for number, (name, level) in enumerate(levels.items()):
            axes.axhline(level, color="0.3", linewidth=0.8, linestyle=(0, (2, 2 + 3 * number)), label=name, zorder=1)
        if logarithmic and min([*(losses.min().min() for *_, losses in drawn), *levels.values()]) > 0:
            drawing.log_axis(axes)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        return explained


def _losses(histories: pd.DataFrame, runs: "pd.Series[str]") -> pd.DataFrame:
    """Steps x runs, NaN where a run was not evaluated."""
    own = histories[histories["run"].isin(runs)]
    return own.pivot_table(index="step", columns="run", values="validation_loss")


def _draw_others(panels: list[Axes], rows: list[tuple[str, list[drawing.Line]]], histories: pd.DataFrame) -> None:
    """The medians of the other cells of a panel's task, in grey."""
    medians = {title: _losses(histories, lines[0][1]["run"]).ffill().median(axis=1) for title, lines in rows}
    for axes, title in zip(panels, medians, strict=True):
        for other, median in medians.items():
            if other != title and other.rpartition(": ")[0] == title.rpartition(": ")[0]:
                axes.plot(median, **OTHERS)


def _mark_the_ends(axes: Axes, group: pd.DataFrame, losses: pd.DataFrame, colour: Any) -> dict[str, Line2D]:
    """A cross where a run diverged, a dot where one stopped as solved; returns what the legend has to explain."""
    explained = {}
    for run in group[group["run"].isin(list(losses))].to_dict("records"):
        own = losses[run["run"]].dropna()
        if run["status"] == Status.DIVERGED:
            explained["diverged"] = drawing.mark("x", 5)
            axes.plot(own.index[-1], own.iloc[-1], "x", color=colour, markersize=5)
        elif run["solved"] and own.index[-1] < losses.index[-1]:
            explained["stopped: solved"] = drawing.mark(".", 5)
            axes.plot(own.index[-1], own.iloc[-1], ".", color="black", markersize=3.5)
    return explained
