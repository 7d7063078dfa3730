"""Losses of two cells on the same task, seed by seed."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from rnnbench.analysis import loss_comparison
from rnnbench.analysis.cell_pairs import PAIR
from rnnbench.analysis.loss_comparison import LINEAR, SCALE
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report.component import Table
from rnnbench.report.labels import interval_or_agreement, number, pair_texts
from rnnbench.report.sentences import compared


class PairedDifferences(Table):
    """One row per pair of cells and difficulty: the difference of log10 losses within seeds, at equal budgets."""

    title, better = "Paired differences of losses between cells", "smaller_loss"
    needs = ("test_loss", "steps_trained")
    columns: ClassVar[Mapping[str, str]] = {**PAIR, **loss_comparison.DIFFERENCES}
    intervals = (
        "95% over seeds: Student's on the differences within seeds, with an infinite loss order statistics of the "
        "median (from five seeds on), Newcombe's for a probability; losses are compared only where all runs trained "
        "equally many steps (train.stop_when_solved=false), since others say when a run stopped; p: Student's, with "
        "Holm's correction for all rows, and by sign flips; verdicts are at 5% after the correction"
    )

    def compute_rows(self, results: Results) -> pd.DataFrame:
        if (rows := _compared(results)).empty:
            raise SettingError("needs two trained cells on the same task; run another cell")
        return rows

    def found(self, rows: pd.DataFrame) -> list[str]:
        return compared(rows[rows["why_not_compared"] == ""], "losses", loss_comparison.FACTOR)

    def says_nothing(self, rows: pd.DataFrame) -> str:
        reason, *others = rows["why_not_compared"].unique()
        return f"no losses are compared: {reason}{' and others' * bool(others)}" if all([reason, *others]) else ""

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        identity = {**pair_texts(row), "seeds": _pairs(row)}
        learned = {
            "decades below the best constant": _text(-row["decades"]),
            "the other's": _text(-row["other_decades"]),
        }
        if row["why_not_compared"]:
            return identity | {"difference (decades)": f"not compared: {row['why_not_compared']}"} | learned
        return identity | {
            "difference (decades)": interval_or_agreement(row["difference"]),
            "p (Holm)": number(row["p_holm"]),
            "smaller loss": row["smaller_loss"],
            f"within a factor of {loss_comparison.FACTOR:g}": row["equivalent"],
            **learned,
            "p (sign flips)": number(row["p_sign_flip"]),
            "probability of a smaller loss": interval_or_agreement(row["probability_of_improvement"]),
            "scale": "the losses themselves" if row.get(SCALE) == LINEAR else "",
        }


@lru_cache(maxsize=1)
def _compared(results: Results) -> pd.DataFrame:
    """Once for the table and the figure of the same results."""
    return loss_comparison.loss_comparison(results.runs, np.random.default_rng(0))


def _pairs(row: Mapping[Any, Any]) -> str:
    counts = (row["diverged_or_failed"], row["other_diverged_or_failed"])
    return f"{row['pairs']} ({counts[0]} and {counts[1]} diverged or failed)" if any(counts) else str(row["pairs"])


def _text(value: float) -> str:
    return "" if np.isnan(value) else number(value)
