"""Cell against cell on each task, seed by seed."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from rnnbench.analysis import scoring
from rnnbench.analysis.results import Results
from rnnbench.report.tables.rendering import interval, number
from rnnbench.report.tables.table import Table


class PairedDifferences(Table):
    """One row per task and pair of cells: the paired difference of normalised scores, and who beats whom how often."""

    title = "Cell against cell"
    columns: ClassVar[Mapping[str, str]] = scoring.DIFFERENCES
    intervals = (
        "95% over seeds: Student's on the differences within seeds, percentile bootstrap for the probability of "
        "improvement"
    )

    def rows(self, results: Results) -> pd.DataFrame:
        self.need(results.runs, "test_loss", "baseline_loss")
        rows = scoring.paired_differences(results.runs, np.random.default_rng(0))
        if rows.empty:
            raise ValueError("PairedDifferences: needs two cells on the same task; run another cell")
        return rows

    def in_words(self, rows: pd.DataFrame) -> pd.DataFrame:
        words = [
            {
                "task": f"{row['task']}, {row['task_setting']}".rstrip(", "),
                "cell": _cell(row, ""),
                "other": _cell(row, "other_"),
                "seeds": str(row["pairs"]),
                "score": number(row["score"]),
                "other's score": number(row["other_score"]),
                "difference": interval(row, "difference"),
                "probability of improvement": interval(row, "probability_of_improvement"),
            }
            for row in rows.to_dict("records")
        ]
        return pd.DataFrame(words)


def _cell(row: Mapping[Any, Any], prefix: str) -> str:
    return ", ".join(filter(None, [row[f"{prefix}cell"], row[f"{prefix}setting"]]))
