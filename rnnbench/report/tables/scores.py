"""Each cell's normalised score over all tasks."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from rnnbench.analysis import scoring
from rnnbench.analysis.results import Results
from rnnbench.report.tables.rendering import interval, without_empty
from rnnbench.report.tables.table import Table


class Scores(Table):
    """One row per cell and setting: the interquartile mean of the normalised score."""

    title = "Normalised score over all tasks"
    columns: ClassVar[Mapping[str, str]] = scoring.SCORES
    intervals = "95% over seeds: percentile bootstrap of the runs, stratified by task"

    def rows(self, results: Results) -> pd.DataFrame:
        self.need(results.runs, "test_loss", "baseline_loss")
        return scoring.scores(results.runs, np.random.default_rng(0))

    def in_words(self, rows: pd.DataFrame) -> pd.DataFrame:
        words = [
            {
                "cell": row["cell"],
                "setting": row["setting"],
                "tasks": str(row["tasks"]),
                "runs per task": str(row["runs"]),
                "score": interval(row, "score"),
            }
            for row in rows.to_dict("records")
        ]
        return without_empty(pd.DataFrame(words), "setting")
