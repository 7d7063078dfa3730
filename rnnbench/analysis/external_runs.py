"""Results made of a table of runs that some other program trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.errors import SettingError
from rnnbench.schema import Status, from_stored_text

NEEDED = ("cell", "seed")
MEASURED = ("test_loss", "steps_to_solve")


def results_of(runs: pd.DataFrame, histories: pd.DataFrame | None = None, name: str = "table") -> Results:
    """The results of runs in a table, one row each, to be compared as those of run folders are.

    Needed are `cell`, `seed`, and one of `test_loss` and `steps_to_solve`. With `steps_to_solve`, empty where a run did
    not get there, `steps_trained` says how long it was trained: there it is censored. Optional: `task`, `difficulty`
    (a length, by which comparisons are stratified), `status` (done, diverged, failed), any other column that
    results/README.md defines, and any setting, whose name has a dot: runs that differ in one are variants of a cell.
    `histories` has `run`, `step` and what was recorded then; it needs a column `run` in both tables.

    Raises SettingError on a missing column, a doubled run, or a loss that is not a number.
    """
    if lacking := [column for column in NEEDED if column not in runs]:
        raise SettingError(f"runs: needs the column {lacking[0]!r}; there are {', '.join(map(str, runs.columns))}")
    if not set(MEASURED) & set(runs.columns):
        raise SettingError(f"runs: needs one of the columns {', '.join(MEASURED)}")
    if "steps_to_solve" in runs and "steps_trained" not in runs:
        raise SettingError("runs: needs the column 'steps_trained' with 'steps_to_solve', where runs are censored")
    if histories is not None and not ({"run", "step"} <= set(histories.columns) and "run" in runs):
        raise SettingError("histories: needs the columns 'run' and 'step', and runs the column 'run'")
    defaults: dict[str, Any] = {
        "task": "task",
        "difficulty": "",
        "difficulty_setting": "length" if "difficulty" in runs else "",
        "status": str(Status.DONE),
        "test_loss": np.nan,
        "steps_to_solve": np.nan,
        "steps_trained": 0,
        "baseline_loss": np.nan,
    }
    table = runs.assign(**{column: value for column, value in defaults.items() if column not in runs})
    table = table.reset_index(drop=True)
    for column in (*MEASURED, "steps_trained"):
        try:
            table[column] = pd.to_numeric(table[column])
        except (ValueError, TypeError) as error:
            raise SettingError(f"{column}: {error}") from None
    if unknown := set(table["status"]) - set(Status):
        raise SettingError(f"status={min(unknown)}: must be one of {', '.join(Status)}")
    if "run" not in table:
        settings = [column for column in map(str, table) if "." in column]
        parts = table[["cell", "task", "difficulty", *settings, "seed"]].astype(str)
        table["run"] = parts.agg("-".join, axis=1)
    table["difficulty"] = [  # a number where text can be one: tables are often read from CSV
        from_stored_text(value) if isinstance(value, str) else value for value in table["difficulty"]
    ]
    if (doubled := table["run"][table["run"].duplicated()]).any():
        raise SettingError(
            f"runs: {doubled.iloc[0]} is there twice; a run is a cell, task, difficulty, setting and seed"
        )
    return Results(name, Path(name), sorted_runs(table), Table(histories))


class Table:
    """Histories given as a table, if at all; no arrays."""

    def __init__(self, table: pd.DataFrame | None) -> None:
        self.table = pd.DataFrame({"run": [], "step": []}) if table is None else table

    def histories(self, runs: Any) -> pd.DataFrame:
        return self.table[self.table["run"].isin(runs)]

    def probe(self, run: str, name: str) -> dict[str, Any]:
        return {}

    def probes(self) -> list[str]:
        return []
