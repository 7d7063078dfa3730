"""Runs made by hand for the analysis: one row per run, all columns at a default."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.analysis.variant import Variant


class NoSource:
    """No histories and no arrays."""

    def histories(self, runs: Any) -> pd.DataFrame:
        return pd.DataFrame(columns=["run", "step"])

    def probe(self, run: str, name: str) -> dict[str, Any]:
        return {}

    def probes(self) -> list[str]:
        return []


def table(*rows: dict[str, Any], **same: Any) -> pd.DataFrame:
    """A run for each row of columns; its loss is half of the baseline's, so that its score is 0.5."""
    default = {
        "status": "done", "task": "adding", "difficulty_setting": "length", "cell": "gru", "seed": 0, "task.length": 10,
        "baseline_loss": 1.0, "test_loss": 0.5, "validation_loss": 0.5, "solved": False, "steps_to_solve": np.nan,
        "train.steps": 1000, "steps_trained": 1000, "diverged_at_step": np.nan, "variant": Variant(),
    }  # fmt: skip
    made = [default | same | row | {"run": f"run{number}"} for number, row in enumerate(rows)]
    return pd.DataFrame([{"difficulty": row["task.length"], **row} for row in made])


def results(*rows: dict[str, Any], **same: Any) -> Results:
    """The same as results."""
    return Results("made", Path(), sorted_runs(table(*rows, **same)), NoSource())
