"""Cell against cell by the steps that they take."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from rnnbench.analysis import steps_comparison
from rnnbench.analysis.cell_pairs import PAIR
from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.milestones import SOLVED
from rnnbench.analysis.results import Results
from rnnbench.analysis.steps_ratio import FACTOR
from rnnbench.analysis.verdict import LEVEL
from rnnbench.errors import SettingError
from rnnbench.report.component import OfMilestone, Table
from rnnbench.report.labels import interval_or_agreement, number, pair_texts
from rnnbench.report.sentences import compared


class StepsRatio(OfMilestone, Table):
    """One row per pair of cells and difficulty, and one over all difficulties of a pair.

    `milestone` chooses what the steps are to: `solved`, the task's criterion, or a softer one of its milestones.
    """

    title, better = "Ratio of steps between cells", "fewer_steps"
    columns: ClassVar[Mapping[str, str]] = {**PAIR, **steps_comparison.RATIOS}
    intervals = (
        "95% over seeds: for a ratio of steps all that the log-rank test does not reject by permutation, Newcombe's "
        "for a probability; < and >: no run of one of the cells got there, and the ratio has one bound; p: that test "
        "at ratio 1, with Holm's correction for all rows at one difficulty, or for all over all difficulties; "
        "verdicts at 5% after the correction; differs: no equivalence and no difference by more than the factor is "
        "found, but a difference; over all difficulties the test deals whole seeds, stratified by difficulty, and one "
        "ratio is assumed for all, left out where their intervals have none in common"
    )

    def compute_rows(self, results: Results) -> pd.DataFrame:
        if (rows := _compared(results, self.milestone)).empty:
            raise SettingError("needs two trained cells on the same task; run another cell")
        return rows

    def found(self, rows: pd.DataFrame) -> list[str]:
        families = [_undecidable(family, of) or compared(family, "steps", FACTOR, of) for family, of in _families(rows)]
        return [sentence for family in families for sentence in family]

    def warning(self, rows: pd.DataFrame) -> str:
        return " ".join(each for family, of in _families(rows) for each in _undecidable(family, of))

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        probability = row["probability_of_fewer_steps"]
        reached = "solved" if self.milestone == SOLVED else self.milestone.replace("_", " ")
        return {
            **pair_texts(row),
            reached: f"{row['reached']}/{row['runs']}, {row['other_reached']}/{row['other_runs']}",
            "ratio of steps": row["why_no_ratio"] or _ratio(row["ratio"]),
            "p (Holm)": number(row["p_holm"]),
            "fewer steps": row["fewer_steps"],
            f"within a factor of {FACTOR}": row["equivalent"],
            "p alone": number(row["p_value"]),
            "smallest possible p": number(least) if (least := row["smallest_p_value"]) > LEVEL else "",
            "probability of fewer steps": "" if np.isnan(probability.estimate) else interval_or_agreement(probability),
        }


@lru_cache(maxsize=1)
def _compared(results: Results, milestone: str) -> pd.DataFrame:
    """Once for the table and the figure of the same results."""
    return steps_comparison.steps_comparison(results.runs, np.random.default_rng(0), milestone)


def _families(rows: pd.DataFrame) -> list[tuple[pd.DataFrame, str]]:
    """The rows that are corrected together, and what they are."""
    over_all = rows["difficulty"].astype(str).str.startswith(steps_comparison.ALL)
    return [(rows[over_all], " over all difficulties"), (rows[~over_all], " at one difficulty")]


def _undecidable(family: pd.DataFrame, of: str) -> list[str]:
    """That no test of the family can decide anything, where so few seeds cannot."""
    if family.empty or (least := family["smallest_p_value"].min()) * len(family) <= LEVEL:
        return []
    corrected = number(min(1.0, least * len(family)))
    return [
        f"So few seeds decide nothing in the {len(family)} tests{of}: the smallest p-value that they can have, "
        f"{number(least)}, is {corrected} after the correction."
    ]


def _ratio(ratio: Interval) -> str:
    """The ratio; where no run of a cell got there, the bound that is known."""
    if ratio.estimate == 0 == ratio.low and ratio.high < np.inf:
        return f"<{number(ratio.high)}"
    return interval_or_agreement(ratio)
