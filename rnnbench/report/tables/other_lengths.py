"""What the trained models come to at lengths that they were not trained on."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from rnnbench.analysis import lengths
from rnnbench.analysis.results import Results
from rnnbench.report.cell_names import cell_name
from rnnbench.report.component import Table
from rnnbench.report.labels import interval, number, variant_label


def _length(row: Mapping[Any, Any]) -> str:
    if np.isnan(row["length"]):
        return "test data"
    return str(row["trained_on"]) if row["is_trained"] else f"{row['length']:.0f}"


class OtherLengths(Table):
    """One row per task, cell, variant and length: loss and the task's measure on fresh sequences."""

    title = "Beyond the trained length"
    needs = ("test_loss",)
    columns: ClassVar[Mapping[str, str]] = lengths.OTHER_LENGTHS
    intervals = (
        "over seeds: order statistics around the median, 95% from six runs on; of five runs the range, 93.75%; of "
        "fewer none"
    )

    def compute_rows(self, results: Results) -> pd.DataFrame:
        return lengths.other_lengths(results.runs)

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        runs = str(row["runs"]) if row["runs"] == row["of_runs"] else f"{row['runs']} of {row['of_runs']}"
        return {
            "task": row["task"],
            "trained on": row["trained_on"],
            "cell": cell_name(row["cell"]),
            "variant": variant_label(row["variant"], brief=True),
            "length": _length(row),
            "runs": runs,
            "loss": interval(row["loss"]),
            "lowest": number(row["loss_lowest"]),
            "baseline": number(row["baseline_loss"]),
            "measure": row["measure"].replace("_", " "),
            "of the runs": interval(row["measured"]),
            "of the best run": number(row["measured_best"]),
        }
