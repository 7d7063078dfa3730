"""How fast each cell's gradient fades through time, and whether exponentially."""

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from rnnbench.analysis import gradient_decay
from rnnbench.analysis.results import Results
from rnnbench.report.tables.rendering import interval, without_empty
from rnnbench.report.tables.table import Table


class GradientDecay(Table):
    """One row per task, cell and setting: the slope of log g_t against t, before and after training."""

    title = "Gradient through time"
    columns: ClassVar[Mapping[str, str]] = gradient_decay.DECAYS
    intervals = "95% over seeds: Student's for the mean decay and from it for the half-life, order statistics for R^2"

    def rows(self, results: Results) -> pd.DataFrame:
        try:
            return gradient_decay.gradient_decays(results)
        except ValueError as error:
            raise ValueError(f"GradientDecay: {error}") from error

    def in_words(self, rows: pd.DataFrame) -> pd.DataFrame:
        words = [
            {
                "task": f"{row['task']}, {row['task_setting']}".rstrip(", "),
                "cell": row["cell"],
                "setting": row["setting"],
                "runs": str(row["runs"]),
                "decades lost per step, initially": interval(row, "decay_initial"),
                "trained": interval(row, "decay"),
                "R² of the line, initially": interval(row, "r_squared_initial"),
                "half-life (steps), initially": interval(row, "half_life_initial"),
            }
            for row in rows.to_dict("records")
        ]
        return without_empty(pd.DataFrame(words), "setting")
