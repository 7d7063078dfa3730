"""How fast each cell's gradient decays through time, and whether exponentially."""

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from rnnbench.analysis import gradient_decay
from rnnbench.analysis.results import Results
from rnnbench.report.labels import interval, task_title, variant_label
from rnnbench.report.tables.rendering import without_empty
from rnnbench.report.tables.table import Table


class GradientDecay(Table):
    """One row per task, difficulty, cell and variant: the slope of log10 g_t against t, before and after training."""

    title = "Gradient through time"
    columns: ClassVar[Mapping[str, str]] = gradient_decay.DECAYS
    intervals = "95% over seeds: Student's for the mean decay and from it for the half-life, order statistics for R^2"

    def compute_rows(self, results: Results) -> pd.DataFrame:
        return gradient_decay.gradient_decays(results)

    def formatted(self, rows: pd.DataFrame) -> pd.DataFrame:
        formatted = [
            {
                "task": task_title(row),
                "cell": row["cell"],
                "variant": variant_label(row["variant"]),
                "runs": str(row["runs"]),
                "decades lost per step, at initialisation": interval(row["decay_initial"]),
                "after training": interval(row["decay"]),
                "R² of the line, at initialisation": interval(row["r_squared_initial"]),
                "half-life (steps), at initialisation": interval(row["half_life_initial"]),
            }
            for row in rows.to_dict("records")
        ]
        return without_empty(pd.DataFrame(formatted), "variant")
