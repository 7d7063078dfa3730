"""How long a task each cell solves."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from rnnbench.analysis import horizon
from rnnbench.analysis.results import Results
from rnnbench.report.tables.rendering import interval, without_empty
from rnnbench.report.tables.table import Table


class SolvableLengths(Table):
    """One row per task, cell and setting: the longest solvable length."""

    title = "Longest solvable length"
    columns: ClassVar[Mapping[str, str]] = horizon.LONGEST
    intervals = "95% over seeds: bootstrap of the runs within each length; a bound can only be a length that was tested"

    def rows(self, results: Results) -> pd.DataFrame:
        self.need(results.runs, "solved", "difficulty")
        return horizon.solvable_lengths(results.runs, np.random.default_rng(0))

    def in_words(self, rows: pd.DataFrame) -> pd.DataFrame:
        words = [
            {
                "task": row["task"],
                "cell": row["cell"],
                "setting": row["setting"],
                "runs": str(row["runs"]),
                "lengths tested": row["lengths"],
                "longest solvable length": ("≥ " if row["reaches_the_end"] else "")
                + interval(row, "longest_solvable_length"),
            }
            for row in rows.to_dict("records")
        ]
        return without_empty(pd.DataFrame(words), "setting")
