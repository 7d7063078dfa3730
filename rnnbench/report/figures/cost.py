"""What a cell costs: time per training step and parameters."""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import Variant
from rnnbench.report import drawing
from rnnbench.report.cell_names import cell_name
from rnnbench.report.component import Figure
from rnnbench.report.labels import setting_value
from rnnbench.report.style import CellStyles

TIME, PARAMETERS = "step_time_s", "parameters"


class Cost(Figure):
    """Time of a training step against the difficulty of the task, and trainable parameters, one row per task.

    Left: lines through the medians over runs, dots the runs, if they are at most a thousand. A run's own value is the
    median of its training steps.
    Right: parameters, which do not depend on the length. Variants of a cell with as many parameters, such as those that
    start differently, count as one.
    """

    needs = (TIME, PARAMETERS, "backend")

    def caption(self, results: Results) -> list[str]:
        """With which backends the times are of, and whether other runs took part of the processor."""
        pairs = results.runs[["cell", "backend"]].dropna().drop_duplicates()
        backends = pairs["backend"].unique()
        said = [f"All cells ran on the backend {backends[0]}."] if len(backends) == 1 else []
        if len(backends) > 1:
            names = ", ".join(f"{cell_name(cell)} on {backend}" for cell, backend in pairs.itertuples(False, None))
            said = [f"Backends differ, so the times compare implementations as much as cells: {names}."]
        if _shared(results.runs).any():
            said += ["Hollow dots: times taken while other runs used the processor, longer than a cell's own."]
        return [*super().caption(results), *said]

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        tasks = list(results.runs.groupby("task", sort=False))
        groups = len(_costs(results.runs).groupby(["cell", "variant"]))
        row = 0.7 + drawing.ROW_OF_DOTS * groups
        canvas, grid = drawing.side_by_side(len(tasks), max(1.8, row), second_height=row)
        many, shared = drawing.has_many_cells(results.runs), _shared(results.runs)
        dots = len(results.runs) <= drawing.MOST_DOTS and not many
        for (left, right), (task, of_task) in zip(grid, tasks, strict=True):
            runs = _costs(of_task)
            lines = list(drawing.lines(runs, styles))
            tested = list(dict.fromkeys(runs["difficulty"]))
            if runs[TIME].isna().all():
                drawing.say_empty(left, "no run has taken its time")
            elif many:
                _rows(left, lines, lambda group: 1e3 * group.groupby("difficulty", sort=False)[TIME].median())
                left.set(xlabel="median time per step (ms)", xlim=(0, None))
            else:
                setting = str(runs["difficulty_setting"].iloc[0])
                _times(left, lines, tested, setting, dots)
            _rows(right, lines, lambda group: sorted(group[PARAMETERS].dropna().unique() / 1e3))
            left.set_title(str(task).replace("_", " "))
            right.set(title="parameters", xlabel="trainable (thousands)", xlim=(0, None))
        if dots and not shared.all():
            canvas.explained["one run"] = drawing.mark(".")
        if dots and shared.any():
            canvas.explained["one run, which shared the machine"] = drawing.mark("o", 3, hollow=True)
        return canvas


def _costs(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs without variants that do not change a cell's cost: those of one number of parameters and one backend."""
    same = runs.groupby(["task", "cell"])[[PARAMETERS, "backend"]].transform("nunique").le(1).all(axis=1)
    variant = [Variant() if alike else own for alike, own in zip(same, runs["variant"], strict=True)]
    return runs.assign(variant=pd.Series(variant, runs.index, dtype=object))


def _times(axes: Axes, lines: list[drawing.Line], tested: list[Any], setting: str, dots: bool) -> None:
    """Difficulties evenly spaced, cells side by side."""
    for number, (label, group, style) in enumerate(lines):
        shift = 0.25 * (number - (len(lines) - 1) / 2) / max(4, len(lines))
        times = group[TIME] * 1e3
        places = group["difficulty"].map(tested.index) + shift
        medians = times.groupby(places).median()
        axes.plot(medians.index, medians, markersize=4, label=label, **style)
        for shared, face, size in ((False, style["color"], 1.6), (True, "none", 3)) if dots else ():
            those = _shared(group) == shared
            look: dict[str, Any] = {"color": style["color"], "markerfacecolor": face, "markersize": size}
            axes.plot(places[those], times[those], "o", markeredgewidth=0.5, **look)
    axes.set_xticks(range(len(tested)), [setting_value(value) for value in tested])
    axes.set(ylim=(0, None), xlim=(-0.5, len(tested) - 0.5), ylabel="time per step (ms)", xlabel=setting)
    axes.grid(visible=False, axis="x")


def _rows(axes: Axes, lines: list[drawing.Line], values: Callable[[pd.DataFrame], Iterable[float]]) -> None:
    """A row for each line, a marker for each of the values of its runs."""
    for place, (_, group, style) in enumerate(lines):
        for value in values(group):
            axes.plot([0, value], [place, place], color=style["color"], linewidth=1)
            axes.plot(value, place, style["marker"], color=style["color"], markersize=5)
    drawing.dot_rows(axes, [label for label, *_ in lines])


def _shared(runs: pd.DataFrame) -> "pd.Series[bool]":
    """Which runs took their times while others ran; none where that was not recorded."""
    shared = runs.get("times_shared", pd.Series(False, runs.index))
    return shared.astype(str) == "True"
