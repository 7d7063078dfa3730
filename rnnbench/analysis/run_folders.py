"""The results of an experiment as its run folders hold them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.errors import SettingError
from rnnbench.schema import IDENTITY, ExperimentFiles, RunFiles, changes_what_is_run, setting_columns

NUMBERS = ("diverged_at_step", "steps_to_solve", "first_crossing_step", "test_loss", "steps_trained")
"""Columns of numbers that are empty where a run has none, and there even if no run has one."""


@dataclass(frozen=True)
class RunFolders:
    """Histories and arrays of an experiment's run folders."""

    files: ExperimentFiles

    def histories(self, runs: Sequence[str]) -> pd.DataFrame:
        paths = {run: self.files.run(run).history for run in runs}
        frames = [pd.read_csv(path).assign(run=run) for run, path in paths.items() if path.exists()]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["step", "run"])

    def probe(self, run: str, name: str) -> dict[str, "np.ndarray[Any, Any]"]:
        path = self.files.run(run).arrays(name)
        if not path.exists():
            return {}
        with np.load(path) as arrays:
            return dict(arrays)

    def probes(self) -> list[str]:
        return sorted({probe for run in self.files.begun_runs() for probe in run.probes()})


def read_run_folders(files: ExperimentFiles) -> Results:
    """The results of the experiment's run folders, of which there must be one.

    Raises SettingError when an earlier version wrote one of them.
    """
    folders = files.begun_runs()
    summaries = [_summary(run) for run in folders]
    settings = [setting_columns(json.loads(run.config.read_text())) for run in folders]
    runs = pd.DataFrame(summaries)
    for column in NUMBERS:
        runs[column] = pd.to_numeric(runs[column]) if column in runs else np.nan
    runs["solved"] = [summary.get("solved") is True for summary in summaries]
    table = pd.concat([runs, pd.DataFrame(settings)], axis=1)
    others = [column for column in table.columns if column not in IDENTITY]
    table = table[[*IDENTITY, *others]]
    return Results(files.folder.name, files.folder, sorted_runs(table), RunFolders(files), _missing(files))


def _summary(run: RunFiles) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(run.summary.read_text())
    if lacking := [column for column in IDENTITY if column not in summary]:
        raise SettingError(
            f"{run.folder}: has no {', '.join(lacking)}, so another version of rnnbench wrote it; "
            "move it away and launch it again, or report with that version"
        )
    return summary


def _missing(files: ExperimentFiles) -> list[str]:
    """The jobs that a launch planned and that no launch has an outcome for."""
    planned: dict[str, None] = {}
    seen: set[str] = set()
    for launch in files.launches():
        planned |= dict.fromkeys(_job(overrides) for overrides in json.loads(launch.plan.read_text()))
        seen |= {_job(json.loads(path.read_text())["overrides"]) for path in launch.outcomes()}
    return [job for job in planned if job not in seen]


def _job(overrides: Iterable[str]) -> str:
    """A job's overrides, without those that do not change what is run."""
    return " ".join(override for override in overrides if changes_what_is_run(override))
