"""Loss or accuracy against the length of the evaluated sequences, beyond the trained one."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rnnbench.analysis.lengths import by_length
from rnnbench.analysis.results import Results
from rnnbench.report import drawing
from rnnbench.report.component import Figure
from rnnbench.report.labels import loss_name
from rnnbench.report.sentences import by_line, signs
from rnnbench.report.style import CellStyles


class OtherLengths(Figure):
    """The trained models on fresh sequences of other lengths: their accuracy, or their loss on tasks without it.

    Thin lines are runs, thick ones their medians; the shaded lengths are those of the training data. A range has its
    value at its longest length, unless that was evaluated by itself; the test data of a file have no length and are
    left out. The dotted line is the loss of the best constant on the same sequences.
    """

    needs = ("test_loss",)
    intervals = "none: every run is drawn"

    def finding(self, results: Results) -> list[str]:
        """Whether accuracy or loss changes from the longest trained length to the longest of all, by a test."""
        evaluated = _evaluated(results.runs)
        accuracies, losses = dict[str, float](), dict[str, float]()
        for run, rows in evaluated[evaluated["difficulty_setting"] == "length"].groupby("run"):
            trained = rows[rows["length"] == float(rows["trained_on"].iloc[0].rpartition("..")[2])]
            last = rows[rows["length"] == rows["length"].max()]
            if len(trained) and not trained.equals(last):
                one, other = (each.iloc[0] for each in (trained, last))
                if _has_accuracy(rows):
                    accuracies[str(run)] = float(other["measured"] - one["measured"])
                else:
                    losses[str(run)] = float(np.log10(other["loss"]) - np.log10(one["loss"]))
        words = ("higher in", "lower in", "no difference is seen in")
        what = "at the longest length minus that at the longest trained one"
        return [
            *signs(f"Accuracy {what}", by_line(results.runs, accuracies), words),
            *signs(f"Decades of loss {what}", by_line(results.runs, losses), words),
        ]

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        evaluated = _evaluated(results.runs)
        panels = _panels(evaluated)
        canvas, grid = drawing.grid([title for title, _ in panels], False, "length T")
        for axes, (_, of_task) in zip(grid, panels, strict=True):
            _draw(axes, of_task, styles)
        if (evaluated["difficulty_setting"] == "length").any():
            canvas.explained["trained on"] = drawing.band()
        if not all(_has_accuracy(of_task) for _, of_task in panels):
            canvas.explained["best constant"] = drawing.handle(linestyle=":", linewidth=1)
        return canvas


def _evaluated(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per run and length; of one evaluated twice, as trained range and by itself, the latter."""
    evaluated = by_length(runs)
    evaluated = evaluated[evaluated["length"].notna()]
    return evaluated.sort_values("is_trained").drop_duplicates(["run", "length"]).sort_index()


def _panels(evaluated: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """A panel for each task and each of its settings, such as a group; other settings tell its lines apart."""
    found = []
    for title, of_task in drawing.by_task(evaluated):
        labels, rest = drawing.task_settings(of_task)
        for label, of_panel in of_task.assign(variant=rest).groupby(labels, sort=False):
            found.append((f"{title}\n{label}".strip(), of_panel))
    return found


def _has_accuracy(of_task: pd.DataFrame) -> bool:
    return bool((of_task["measure"] == "accuracy").all())


def _draw(axes: Axes, of_task: pd.DataFrame, styles: CellStyles) -> None:
    accuracy = _has_accuracy(of_task)
    value = "measured" if accuracy else "loss"
    for label, group, style in drawing.lines(of_task, styles):
        for _, run in group.groupby("run"):
            axes.plot(run["length"], run[value], color=style["color"], linewidth=0.5, alpha=0.5)
        median = group.groupby("length")[value].median()
        axes.plot(median.index, median, label=label, markersize=3.5, **style)
    lengths = [float(length) for length in sorted(of_task["length"].unique())]
    if of_task["difficulty_setting"].iloc[0] == "length":
        low, _, high = of_task["trained_on"].iloc[0].rpartition("..")
        axes.axvspan(float(low or high), float(high), color="0.3", alpha=0.2, linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(left=lengths[0] / 1.5)
    axes.set_xlim(right=lengths[-1] * 1.15)
    drawing.number_values(axes, lengths)
    if accuracy:
        axes.set(ylabel="accuracy", ylim=(-0.03, 1.03))
    else:
        baseline = of_task.groupby("length")["baseline_loss"].mean()
        axes.plot(baseline.index, baseline, color="0.3", linestyle=":", linewidth=1)
        axes.set_ylabel(loss_name(of_task["task"]))
        drawing.log_axis(axes)
