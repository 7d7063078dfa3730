"""How long a task each cell solves."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from rnnbench.analysis import horizon
from rnnbench.analysis.results import Results
from rnnbench.report.labels import interval, variant_label
from rnnbench.report.tables.rendering import without_empty
from rnnbench.report.tables.table import Table


class SolvableLengths(Table):
    """One row per task, cell and variant: the longest solvable length."""

    title = "Longest solvable length"
    needs = ("solved", "difficulty")
    columns: ClassVar[Mapping[str, str]] = horizon.LONGEST
    intervals = "95% over seeds: bootstrap of the runs within each length; a bound can only be a length that was tested"

    def compute_rows(self, results: Results) -> pd.DataFrame:
        return horizon.solvable_lengths(results.runs, np.random.default_rng(0))

    def formatted(self, rows: pd.DataFrame) -> pd.DataFrame:
        formatted = [
            {
                "task": row["task"],
                "cell": row["cell"],
                "variant": variant_label(row["variant"]),
                "runs": str(row["runs"]),
                "lengths tested": " ".join(f"{length:g}" for length in row["lengths"]),
                "longest solvable length": ("≥ " if row["at_longest_tested"] else "")
                + interval(row["longest_solvable_length"]),
            }
            for row in rows.to_dict("records")
        ]
        return without_empty(pd.DataFrame(formatted), "variant")
