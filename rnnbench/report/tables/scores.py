"""Each cell's normalised score over all tasks."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from rnnbench.analysis import scoring
from rnnbench.analysis.results import Results
from rnnbench.report.cell_names import cell_name
from rnnbench.report.component import Table
from rnnbench.report.labels import interval_or_agreement, variant_label


class Scores(Table):
    """One row per cell and variant: the interquartile mean of the normalised score."""

    title = "Normalised score over all tasks"
    needs = ("test_loss",)
    columns: ClassVar[Mapping[str, str]] = scoring.SCORES
    intervals = (
        "95% over seeds: percentile bootstrap of the runs, stratified by task, which is somewhat narrow with few runs; "
        "where all runs agree it has no width and says nothing; at stop: runs whose losses are those at which they "
        "stopped once they had solved their task, which do not compare the cells that solve it"
    )

    def compute_rows(self, results: Results) -> pd.DataFrame:
        return scoring.scores(results.runs, np.random.default_rng(0))

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        return {
            "cell": cell_name(row["cell"]),
            "variant": variant_label(row["variant"], brief=True),
            "tasks": str(row["tasks"]),
            "runs per task": str(row["runs"]) + (f" ({row['left_out']} left out)" if row["left_out"] else ""),
            "score": interval_or_agreement(row["score"]),
            "at stop": str(row["at_stop"] or ""),
            "baseline": row["baseline"],
        }
