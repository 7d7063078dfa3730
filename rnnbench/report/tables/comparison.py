"""The comparison: cell by cell on each task."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from rnnbench.analysis import comparison
from rnnbench.analysis.results import Results
from rnnbench.report.tables.rendering import interval, number, without_empty
from rnnbench.report.tables.table import Table

HEADINGS = {
    "task": "task",
    "cell": "cell",
    "setting": "setting",
    "runs": "runs",
    "solved": "solved",
    "steps": "steps to solve",
    "loss": "test loss",
    "baseline_loss": "trivial",
    "step_time": "ms/step",
    "backend": "backend",
    "parameters": "parameters",
    "half_life": "gradient half-life (steps): initial, trained",
}


class Comparison(Table):
    """One row per task, cell and setting."""

    title = "Comparison"
    columns: ClassVar[Mapping[str, str]] = {**comparison.COUNTS, **comparison.INTERVALS}
    intervals = (
        "95% over seeds: Wilson's for the solved share, Brookmeyer-Crowley's for the Kaplan-Meier median of the steps, "
        "Student's for the mean loss, order statistics for other medians"
    )

    def rows(self, results: Results) -> pd.DataFrame:
        return comparison.comparison(results)

    def in_words(self, rows: pd.DataFrame) -> pd.DataFrame:
        words = pd.DataFrame([_row(row) for row in rows.to_dict("records")]).rename(columns=HEADINGS)
        return without_empty(words, "setting")


def _row(row: dict[Any, Any]) -> dict[str, str]:
    solved = f"{round(row['solved_share'] * row['runs'])}/{row['runs']}" if row["runs"] else "–"
    return {
        "task": f"{row['task']}, {row['task_setting']}".rstrip(", "),
        "cell": row["cell"],
        "setting": row["setting"],
        "runs": _runs(row),
        "solved": f"{solved} {interval(row, 'solved_share').partition(' ')[2]}".strip(),
        "steps": interval(row, "steps_to_solve"),
        "loss": interval(row, "test_loss"),
        "baseline_loss": number(row["baseline_loss"]),
        "step_time": interval(row, "step_time_s", scale=1e3),
        "backend": row["backend"],
        "parameters": f"{row['parameters']:,.0f}" if isinstance(row["parameters"], float | int) else row["parameters"],
        "half_life": f"{number(row['gradient_half_life_initial'])}, {number(row['gradient_half_life'])}",
    }


def _runs(row: dict[Any, Any]) -> str:
    marks = [f"{row[kind]} {kind}" for kind in ("diverged", "failed", "unfinished") if row[kind]]
    return f"{row['runs']} ({', '.join(marks)})" if marks else str(row["runs"])
