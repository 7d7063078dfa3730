"""The comparison: each cell on each task."""

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from rnnbench.analysis import comparison
from rnnbench.analysis.loss_comparison import LINEAR, SCALE
from rnnbench.analysis.milestones import SOLVED
from rnnbench.analysis.results import Results
from rnnbench.report.component import OfMilestone, Table
from rnnbench.report.labels import bounds, group_texts, interval, number, some_of
from rnnbench.report.sentences import milestones_reached
from rnnbench.report.tables.gradient_decay import by_state

NOTES: Mapping[str, str] = {
    "success rate": "exact (Clopper-Pearson) for the success rate",
    "steps to": "order statistics for the Kaplan-Meier median of the steps; >: of no such median is more known",
    "decades|half-life|ms/step": "order statistics for medians (five runs: 93.75%, their range)",
    "test (?!loss)": "Student's for a mean",
    "test loss": "Student's of log10 for the geometric mean of the loss",
    "mean": "or for the arithmetic one of the loss itself",
    r"\d of \d": "(n of N): the number is of n of the N runs",
    "at stop": "at stop: so many of the losses are those at which runs stopped once they had solved it, and are "
    "not compared; where only some are, the median and the range, as no interval of a mean describes both",
    "machine": "shared: times taken while other work shared the machine",
}
"""What is said of intervals and marks, by a pattern: where a heading or text of the table has it."""


class Comparison(OfMilestone, Table):
    """One row per task, difficulty, cell and variant.

    `milestone` chooses what success and steps are of. A task without a criterion has neither; one with another measure,
    such as accuracy, has that on test data.
    """

    title = "Comparison"
    columns: ClassVar[Mapping[str, str]] = {**comparison.COUNTS, **comparison.INTERVALS}
    intervals = "95% over seeds: " + "; ".join(NOTES.values())

    def compute_rows(self, results: Results) -> pd.DataFrame:
        return comparison.comparison(results, self.milestone)

    def note(self, formatted: pd.DataFrame) -> str:
        text = "\n".join([*map(str, formatted), *formatted.to_numpy().ravel()])
        said = [note for pattern, note in NOTES.items() if re.search(pattern, text)]
        return f"Brackets: intervals, 95% over seeds: {'; '.join(said)}." if said else ""

    def found(self, rows: pd.DataFrame) -> list[str]:
        return milestones_reached(rows, self.milestone)

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        reached = row["milestone"].replace("_", " ")
        rate, stopped, tested = row["success_rate"], row["test_loss_at_stop"], row["test_loss_runs"]
        return {
            **group_texts(row),
            "runs": _runs(row),
            reached: "–" if math.isnan(rate.estimate) else f"{round(rate.estimate * row['runs'])}/{row['runs']}",
            "steps to solve" if row["milestone"] == SOLVED else f"steps to {reached}": _steps(row),
            "test loss": _test_loss(row) + some_of(tested, row["runs"]),
            "at stop": f"{stopped}/{tested}" if stopped else "",
            "mean": "arithmetic" if row.get(SCALE) == LINEAR else "",
            **({f"test {row['measure'].replace('_', ' ')}": interval(row["test_measure"])} if row["measure"] else {}),
            "decades lost (initial)": interval(row["gradient_decades_lost_initial"]),
            "decades lost (trained)": interval(row["gradient_decades_lost"]),
            "of each state tensor (initial)": by_state(row["cell"], row["gradient_decades_lost_by_state_initial"]),
            "of each state tensor (trained)": by_state(row["cell"], row["gradient_decades_lost_by_state"]),
            "best constant": number(row["baseline_loss"]),
            "parameters": _count(row["parameters_recurrent_layers"]),
            "parameters with the readout": _count(row["parameters"]),
            "ms/step": interval(row["step_time_s"], scale=1e3) + some_of(row["step_time_s_runs"], row["runs"]),
            "machine": "shared" if row["times_shared"] > 0 else "",
            "success rate": bounds(rate),
            "half-life in steps (initial)": _half_life(row, "_initial"),
            "half-life in steps (trained)": _half_life(row, ""),
            "backend": row["backend"],
        }


def _steps(row: Mapping[Any, Any]) -> str:
    """The median; where less than half got there, that it is beyond the budget, with its bounds if they say more."""
    steps, budget = row["steps_to_milestone"], row["budget"]
    if math.isinf(steps.estimate) and isinstance(budget, int | float):
        return f">{number(float(budget))} {bounds(steps) if steps.low < budget else ''}".strip()
    return interval(steps)


def _test_loss(row: Mapping[Any, Any]) -> str:
    if 0 < row["test_loss_at_stop"] < row["test_loss_runs"]:
        range_of_both = f"({number(row['test_loss_smallest'])} to {number(row['test_loss_largest'])})"
        return f"{number(row['test_loss'].estimate)} {range_of_both}"
    return interval(row["test_loss"])


def _count(value: Any) -> str:
    """Parameters; where they differ among the runs, all."""
    return f"{value:,.0f}" if isinstance(value, float | int) else str(value)


def _half_life(row: Mapping[Any, Any], when: str) -> str:
    """The half-life, of how many runs, or why there is none."""
    name = f"gradient_half_life{when}"
    if not row[f"{name}_runs"]:
        return f"– ({why})" if (why := row[f"{name}_why"]) else "–"
    return f"{number(row[name].estimate)}{some_of(row[f'{name}_runs'], row['runs'])}"


def _runs(row: Mapping[Any, Any]) -> str:
    marks = [f"{row[kind]} {kind}" for kind in ("diverged", "failed", "unfinished") if row[kind]]
    return f"{row['runs']} ({', '.join(marks)})" if marks else str(row["runs"])
