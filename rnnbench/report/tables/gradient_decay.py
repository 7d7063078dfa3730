"""How much the gradient of each cell decays in backpropagation through time, and how fast."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pandas as pd

from rnnbench.analysis.gradient_profile import DECAYS, gradient_decays
from rnnbench.analysis.results import Results
from rnnbench.report.cell_names import state_name
from rnnbench.report.component import Table
from rnnbench.report.labels import group_texts, interval, number, some_of
from rnnbench.report.sentences import decades_lost

MOMENTS = {"_initial": ("runs", "initial"), "": ("trained_runs", "trained")}
"""By the end of a column's name: the column with the runs behind it, and the moment."""


class GradientDecay(Table):
    """One row per task, difficulty, cell and variant: decades lost between the last step and the first, the slope and
    half-life where a straight line fits log10 g_t, before and after training."""

    title = "Gradient through time"
    columns: ClassVar[Mapping[str, str]] = DECAYS
    intervals = (
        "95% over seeds: order statistics for medians (five runs: 93.75%, their range), Student's for the mean decay; "
        "(n of N): the number is of n of the N runs; decay only of runs whose line has R² >= 0.9, and a half-life only "
        "where that line falls and halves within the sequence"
    )

    def compute_rows(self, results: Results) -> pd.DataFrame:
        return gradient_decays(results)

    def found(self, rows: pd.DataFrame) -> list[str]:
        return decades_lost(rows, lambda row: interval(row["decades_lost_initial"]).partition(" [")[0])

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        cells = {
            **group_texts(row),
            "runs": _runs(row),
        }
        there = [(when, runs, moment) for when, (runs, moment) in MOMENTS.items() if row[runs]]
        for name, text in TEXTS.items():
            cells |= {f"{name} ({moment})": text(row, when, row[runs]) for when, runs, moment in there}
        return cells | {"loss": row["loss_at"]}


def _runs(row: Mapping[Any, Any]) -> str:
    trained = f" ({row['trained_runs']} trained)" if row["trained_runs"] < row["runs"] else ""
    return f"{row['runs']}{trained}"


def by_state(cell: str, decades: tuple[float, ...]) -> str:
    """Of a cell with one tensor nothing: it is the whole state."""
    named = [f"{state_name(cell, place)} {number(lost)}" for place, lost in enumerate(decades)]
    return ", ".join(named) if len(named) > 1 else ""


def _half_life(row: Mapping[Any, Any], when: str, runs: int) -> str:
    """The half-life and of how many runs, with why the others have none."""
    why = f" ({reason})" if (reason := row[f"half_life_why{when}"]) else ""
    return f"{interval(row[f'half_life{when}'])}{some_of(row[f'half_life_runs{when}'], runs)}{why}"


TEXTS: Mapping[str, Callable[[Mapping[Any, Any], str, int], str]] = {
    "decades lost": lambda row, when, runs: interval(row[f"decades_lost{when}"]),
    "of each state tensor": lambda row, when, runs: by_state(row["cell"], row[f"decades_lost_by_state{when}"]),
    "half-life in steps": _half_life,
    "decades per step": lambda row, when, runs: interval(row[f"decay{when}"]) + some_of(row[f"decay_runs{when}"], runs),
    "R²": lambda row, when, runs: interval(row[f"r_squared{when}"]),
}
"""The columns of each moment: their headings, and the text of a row, of so many runs."""
