"""The comparison: each cell on each task."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from rnnbench.analysis import comparison
from rnnbench.analysis.results import Results
from rnnbench.report.labels import bounds, interval, number, task_title, variant_label
from rnnbench.report.tables.rendering import without_empty
from rnnbench.report.tables.table import Table


class Comparison(Table):
    """One row per task, difficulty, cell and variant."""

    title = "Comparison"
    columns: ClassVar[Mapping[str, str]] = {**comparison.COUNTS, **comparison.INTERVALS}
    intervals = (
        "95% over seeds: Wilson's for the success rate, Brookmeyer-Crowley's for the Kaplan-Meier median of the steps, "
        "Student's for the mean loss, order statistics for other medians"
    )

    def compute_rows(self, results: Results) -> pd.DataFrame:
        return comparison.comparison(results)

    def formatted(self, rows: pd.DataFrame) -> pd.DataFrame:
        return without_empty(pd.DataFrame([_formatted(row) for row in rows.to_dict("records")]), "variant")


def _formatted(row: dict[Any, Any]) -> dict[str, str]:
    rate, parameters = row["success_rate"], row["parameters"]
    solved = f"{round(rate.estimate * row['runs'])}/{row['runs']}" if row["runs"] else "–"
    return {
        "task": task_title(row),
        "cell": row["cell"],
        "variant": variant_label(row["variant"]),
        "runs": _runs(row),
        "solved": f"{solved} {bounds(rate)}".strip(),
        "steps to solve": interval(row["steps_to_solve"]),
        "test loss": interval(row["test_loss"]),
        "memoryless baseline": number(row["baseline_loss"]),
        "ms/step": interval(row["step_time_s"], scale=1e3),
        "backend": row["backend"],
        "parameters": f"{parameters:,.0f}" if isinstance(parameters, float | int) else parameters,
        "gradient half-life (steps): initial, trained": f"{number(row['gradient_half_life_initial'].estimate)}, "
        f"{number(row['gradient_half_life'].estimate)}",
    }


def _runs(row: dict[Any, Any]) -> str:
    marks = [f"{row[kind]} {kind}" for kind in ("diverged", "failed", "unfinished") if row[kind]]
    return f"{row['runs']} ({', '.join(marks)})" if marks else str(row["runs"])
