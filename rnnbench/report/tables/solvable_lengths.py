"""How long a task each cell solves within its budget."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from rnnbench.analysis import lengths
from rnnbench.analysis.milestones import SOLVED
from rnnbench.analysis.results import Results
from rnnbench.report.cell_names import cell_name
from rnnbench.report.component import OfMilestone, Table
from rnnbench.report.labels import interval_or_agreement, variant_label
from rnnbench.report.sentences import lengths_solved


class SolvableLengths(OfMilestone, Table):
    """One row per task, cell and variant: the longest length solved within the budget of steps.

    `milestone` chooses what is to be reached: `solved`, the task's criterion, or a softer one of its milestones.
    """

    title = "Longest solvable length"
    needs = ("solved", "difficulty")
    columns: ClassVar[Mapping[str, str]] = lengths.LONGEST
    intervals = (
        "95% over seeds: bootstrap of the runs within each length; a bound can only be a length that was tested, and "
        "where all runs agree there is none"
    )

    def compute_rows(self, results: Results) -> pd.DataFrame:
        return lengths.solvable_lengths(results.runs, np.random.default_rng(0), self.milestone)

    def found(self, rows: pd.DataFrame) -> list[str]:
        return lengths_solved(rows)

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        longest = "longest solvable length" if self.milestone == SOLVED else f"longest length with {self.milestone}"
        return {
            "task": row["task"],
            "cell": cell_name(row["cell"]),
            "variant": variant_label(row["variant"], brief=True),
            "runs": str(row["runs"]),
            "lengths tested": " ".join(f"{length:g}" for length in row["lengths"]),
            longest: ("≥ " if row["at_longest_tested"] else "") + interval_or_agreement(row["longest_solvable_length"]),
            "within": " or ".join(f"{steps:,.0f}" for steps in row["budgets"]) + " steps",
        }
