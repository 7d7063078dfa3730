"""Two cells on the same task, seed by seed."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from rnnbench.analysis import scoring
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report.labels import cell_label, interval, number, task_title
from rnnbench.report.tables.table import Table


class PairedDifferences(Table):
    """One row per task and pair of cells: paired difference of normalised scores, and probability of improvement."""

    title = "Paired differences between cells"
    needs = ("test_loss", "baseline_loss")
    columns: ClassVar[Mapping[str, str]] = scoring.DIFFERENCES
    intervals = (
        "95% over seeds: Student's on the differences within seeds, percentile bootstrap for the probability of "
        "improvement"
    )

    def compute_rows(self, results: Results) -> pd.DataFrame:
        rows = scoring.paired_differences(results.runs, np.random.default_rng(0))
        if rows.empty:
            raise SettingError("needs two cells on the same task; run another cell")
        return rows

    def formatted(self, rows: pd.DataFrame) -> pd.DataFrame:
        formatted = [
            {
                "task": task_title(row),
                "cell": cell_label(row["cell"], row["variant"]),
                "other cell": cell_label(row["other_cell"], row["other_variant"]),
                "seeds": str(row["pairs"]),
                "score": number(row["score"]),
                "other's score": number(row["other_score"]),
                "difference": interval(row["difference"]),
                "probability of improvement": interval(row["probability_of_improvement"]),
            }
            for row in rows.to_dict("records")
        ]
        return pd.DataFrame(formatted)
