"""The comparison: each cell on each task."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pandas as pd

from rnnbench.analysis import comparison
from rnnbench.analysis.loss_scale import LINEAR, SCALE
from rnnbench.analysis.milestones import SOLVED
from rnnbench.analysis.results import Results
from rnnbench.report.labels import bounds, interval, number, some_of, task_title, variant_label
from rnnbench.report.tables.table import Table


class Comparison(Table):
    """One row per task, difficulty, cell and variant.

    `milestone` chooses what success and steps are of: `solved`, the task's criterion, or a softer one of its
    milestones, such as half_baseline. A task without a criterion has neither; one with another measure, such as
    accuracy, has that on test data. Columns that none of the runs has anything for are left out.
    """

    title = "Comparison"
    columns: ClassVar[Mapping[str, str]] = {**comparison.COUNTS, **comparison.INTERVALS}
    intervals = (
        "95% over seeds: exact (Clopper-Pearson) for the success rate, order statistics for the Kaplan-Meier median of "
        "the steps and for other medians (five runs: 93.75%, their range), Student's of log10 for the geometric mean "
        "of the loss; (n of N): the number is of n of the N runs; at stop: the losses at which runs stopped once they "
        "had solved it, not compared; shared: times taken beside other work on the machine"
    )

    def __init__(self, only: Mapping[str, Sequence[Any]] | None = None, milestone: str = SOLVED) -> None:
        super().__init__(only)
        self.milestone = milestone

    def compute_rows(self, results: Results) -> pd.DataFrame:
        return comparison.comparison(results, self.milestone)

    def formatted(self, rows: pd.DataFrame) -> pd.DataFrame:
        table = pd.DataFrame([_formatted(row) for row in rows.to_dict("records")])
        measures = [name for name in rows["measure"].unique() if name]
        table.insert(list(table).index("memoryless baseline"), "test measure", [
            "" if not row["measure"] else interval(row["test_measure"])
            + ("" if len(measures) == 1 else f" {row['measure'].replace('_', ' ')}")
            for row in rows.to_dict("records")
        ])  # fmt: skip
        if len(measures) == 1:
            table = table.rename(columns={"test measure": f"test {measures[0].replace('_', ' ')}"})
        return table.drop(columns=_without_content(table))


def _without_content(table: pd.DataFrame) -> list[str]:
    """The columns without a value in any row."""
    return [str(name) for name in table if table[name].isin(["", "–", "–, –"]).all()]


def _formatted(row: dict[Any, Any]) -> dict[str, str]:
    reached = row["milestone"].replace("_", " ")
    return {
        "task": task_title(row),
        "cell": row["cell"],
        "variant": variant_label(row["variant"]),
        "runs": _runs(row),
        reached: _success(row),
        "steps to solve" if row["milestone"] == SOLVED else f"steps to {reached}": interval(row["steps_to_milestone"]),
        "test loss": _test_loss(row),
        "memoryless baseline": number(row["baseline_loss"]),
        "ms/step": _step_time(row),
        "backend": row["backend"],
        "parameters: recurrent layers, total": _parameters(row),
        "decades the gradient loses: initial, trained": f"{interval(row['gradient_decades_lost_initial'])}, "
        f"{interval(row['gradient_decades_lost'])}",
        "gradient half-life (steps): initial, trained": f"{_half_life(row, '_initial')}, {_half_life(row, '')}",
    }


def _success(row: dict[Any, Any]) -> str:
    rate = row["success_rate"]
    return "–" if math.isnan(rate.estimate) else f"{round(rate.estimate * row['runs'])}/{row['runs']} {bounds(rate)}"


def _test_loss(row: dict[Any, Any]) -> str:
    stopped = row["test_loss_at_stop"]
    mark = "" if not stopped else " at stop" if stopped == row["test_loss_runs"] else f" {stopped} at stop"
    if row.get(SCALE) == LINEAR:
        mark = f" arithmetic mean{mark}"
    return f"{interval(row['test_loss'])}{some_of(row['test_loss_runs'], row['runs'])}{mark}"


def _step_time(row: dict[Any, Any]) -> str:
    shared = " shared" if row["times_shared"] > 0 else ""
    return f"{interval(row['step_time_s'], scale=1e3)}{some_of(row['step_time_s_runs'], row['runs'])}{shared}"


def _parameters(row: dict[Any, Any]) -> str:
    counts = (row["parameters_recurrent_layers"], row["parameters"])
    texts = [f"{count:,.0f}" if isinstance(count, float | int) else str(count) for count in counts]
    return ", ".join(filter(None, texts))


def _half_life(row: dict[Any, Any], when: str) -> str:
    """The half-life, of how many runs, or why there is none."""
    name = f"gradient_half_life{when}"
    if not row[f"{name}_runs"]:
        return f"– ({why})" if (why := row[f"{name}_why"]) else "–"
    return f"{number(row[name].estimate)}{some_of(row[f'{name}_runs'], row['runs'])}"


def _runs(row: dict[Any, Any]) -> str:
    marks = [f"{row[kind]} {kind}" for kind in ("diverged", "failed", "unfinished") if row[kind]]
    return f"{row['runs']} ({', '.join(marks)})" if marks else str(row["runs"])
