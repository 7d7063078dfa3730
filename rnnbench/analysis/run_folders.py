"""The results of an experiment as its run folders hold them."""

import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.schema import IDENTITY, ExperimentFiles, changes_what_is_run, setting_columns
from rnnbench.store.atomic import DamagedFileError, read_arrays, read_bytes
from rnnbench.store.reader import read_outcome, read_plan, read_run

NUMBERS = ("diverged_at_step", "steps_to_solve", "first_crossing_step", "test_loss", "steps_trained")
"""Columns of numbers that are empty where a run has none, and there even if no run has one."""


@dataclass(frozen=True)
class RunFolders:
    """Histories and arrays of an experiment's run folders."""

    files: ExperimentFiles

    def histories(self, runs: Sequence[str]) -> pd.DataFrame:
        """Those with the same columns are read as one table, many times as fast as one by one."""
        by_header: dict[bytes, dict[str, bytes]] = {}
        for run in runs:
            if os.path.exists(path := self.files.run(run).history):
                header, _, rows = read_bytes(path).partition(b"\n")
                by_header.setdefault(header, {})[run] = rows
        tables = [pd.DataFrame(columns=["step", "run"])]
        for header, of_runs in by_header.items():
            table = pd.read_csv(io.BytesIO(b"\n".join([header, b"".join(of_runs.values())])), low_memory=False)
            names = [run for run, rows in of_runs.items() for _ in range(rows.count(b"\n"))]
            tables.append(table.assign(run=np.array(names, dtype=object)))
        order = {run: position for position, run in enumerate(runs)}
        together = pd.concat(tables[1:] or tables, ignore_index=True)
        return together.sort_values("run", key=lambda names: names.map(order), kind="stable", ignore_index=True)

    def probe(self, run: str, name: str) -> dict[str, "np.ndarray[Any, Any]"]:
        path = self.files.run(run).arrays(name)
        return read_arrays(path) if os.path.exists(path) else {}

    def probes(self) -> list[str]:
        return sorted({probe for run in self.files.begun_runs() for probe in run.probes()})


def read_run_folders(files: ExperimentFiles) -> tuple[pd.DataFrame, dict[str, str]]:
    """The runs that have an undamaged folder, one row each, and what is wrong with each of the other folders."""
    summaries, settings, damaged = [], [], {}
    for run in files.begun_runs():
        try:
            stored = read_run(run)
        except DamagedFileError as error:
            damaged[run.name] = error.brief
        else:
            summaries.append(stored.summary)
            settings.append(setting_columns(stored.config))
    runs = pd.DataFrame(summaries, columns=None if summaries else list(IDENTITY))
    for column in NUMBERS:
        runs[column] = pd.to_numeric(runs[column]) if column in runs else np.nan
    runs["solved"] = [summary.get("solved") is True for summary in summaries]
    table = pd.concat([runs, pd.DataFrame(settings)], axis=1)
    if {"train.steps", "budget_steps"} <= set(table):  # of a budget in epochs, what it came to
        table["train.steps"] = table["train.steps"].fillna(table["budget_steps"])
    others = [column for column in table.columns if column not in IDENTITY]
    return table[[*IDENTITY, *others]], damaged


@dataclass
class Launched:
    """The jobs of an experiment's launches, without the overrides that do not change what is run."""

    planned: dict[str, None]
    ended: set[str]
    """Those that left an outcome, or whose run was done before the launch."""
    damaged: dict[str, str]
    """The files of launches that could not be read, and what is wrong with them."""


def read_launches(files: ExperimentFiles) -> Launched:
    """What the experiment's launches planned, and what left an outcome."""
    launched = Launched({}, set(), {})
    try:
        launches = files.launches()
    except OSError as error:
        problem = f"cannot be read ({error.strerror}), so the missing jobs are not known"
        return Launched({}, set(), {files.launches_folder.name: problem})
    for launch in launches:
        plan: list[str] = []
        try:
            jobs = read_plan(launch.plan)
        except DamagedFileError as error:
            launched.damaged[f"launch {launch.folder.name}"] = f"{error.brief}, so its missing jobs are not known"
        else:
            plan = [_job(job.overrides) for job in jobs]
            launched.ended |= {text for text, job in zip(plan, jobs, strict=True) if job.status is not None}
        for number, path in launch.outcomes().items():
            try:
                launched.ended.add(_job(read_outcome(path).overrides))
            except DamagedFileError as error:
                launched.damaged[f"launch {launch.folder.name}, job {number}"] = error.brief
                launched.ended |= set(plan[number : number + 1])
        launched.planned |= dict.fromkeys(plan)
    return launched


def _job(overrides: Iterable[str]) -> str:
    return " ".join(override for override in overrides if changes_what_is_run(override))
