"""Losses of two cells on the same task, seed by seed."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from rnnbench.analysis import loss_comparison
from rnnbench.analysis.cell_pairs import PAIR
from rnnbench.analysis.loss_scale import LINEAR, SCALE
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report.component import Table
from rnnbench.report.labels import cell_label, interval_or_agreement, number, task_title
from rnnbench.report.sentences import compared, decided, losses_compared


class PairedDifferences(Table):
    """One row per pair of cells and difficulty: the difference of log10 losses within seeds, at equal budgets."""

    title = "Paired differences of losses between cells"
    needs = ("test_loss", "steps_trained")
    columns: ClassVar[Mapping[str, str]] = {**PAIR, **loss_comparison.DIFFERENCES}
    intervals = (
        "95% over seeds: Student's on the differences within seeds, with an infinite loss order statistics of the "
        "median (from five seeds on), Newcombe's for a probability; losses are compared only where all runs trained "
        "equally many steps (train.stop_when_solved=false), since others say when a run stopped; p: Student's, with "
        "Holm's correction for all rows, and by sign flips; verdicts are at 5% after the correction"
    )

    def compute_rows(self, results: Results) -> pd.DataFrame:
        rows = loss_comparison.loss_comparison(results.runs, np.random.default_rng(0))
        if rows.empty:
            raise SettingError("needs two trained cells on the same task; run another cell")
        return rows

    def found(self, rows: pd.DataFrame) -> list[str]:
        def sentence(row: Mapping[Any, Any], tests: int) -> str:
            return losses_compared(row, loss_comparison.FACTOR, tests)

        return compared(rows[rows["why_not_compared"] == ""], sentence, "of losses")

    def bold(self, row: Mapping[Any, Any]) -> frozenset[str]:
        return decided(row["smaller_loss"])

    def says_nothing(self, rows: pd.DataFrame) -> str:
        reasons = rows["why_not_compared"].unique()
        return (
            f"no losses are compared: {reasons[0]}{' and others' if len(reasons) > 1 else ''}" if all(reasons) else ""
        )

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        identity = {
            "task": task_title(row),
            "cell": cell_label(row["cell"], row["variant"], brief=True),
            "other cell": cell_label(row["other_cell"], row["other_variant"], brief=True),
            "seeds": _pairs(row),
        }
        learned = {
            "decades below the best constant": _text(-row["decades"]),
            "the other's": _text(-row["other_decades"]),
        }
        if row["why_not_compared"]:
            return identity | {"difference (decades)": f"not compared: {row['why_not_compared']}"} | learned
        return (
            identity
            | {
                "difference (decades)": interval_or_agreement(row["difference"]),
                "p (Holm)": number(row["p_holm"]),
                "smaller loss": row["smaller_loss"],
                f"within a factor of {loss_comparison.FACTOR:g}": row["equivalent"],
            }
            | learned
            | {
                "p (sign flips)": number(row["p_sign_flip"]),
                "probability of a smaller loss": interval_or_agreement(row["probability_of_improvement"]),
                "scale": "the losses themselves" if row.get(SCALE) == LINEAR else "",
            }
        )


def _pairs(row: Mapping[Any, Any]) -> str:
    counts = (row["diverged_or_failed"], row["other_diverged_or_failed"])
    return f"{row['pairs']} ({counts[0]} and {counts[1]} diverged or failed)" if any(counts) else str(row["pairs"])


def _text(value: float) -> str:
    return "" if np.isnan(value) else number(value)
