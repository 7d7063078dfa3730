"""The results of an experiment, of its run folders and of the files that it was condensed into together, and of several
experiments as one, so that a table or figure can hold the runs of all."""

import io
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import RUN, Results, hint, sorted_runs
from rnnbench.analysis.variant import setting_columns, variants
from rnnbench.errors import SettingError
from rnnbench.schema import IDENTITY, MEASURED, VARIANT, ExperimentFiles, changes_what_is_run, is_setting
from rnnbench.store.archive import Archive, Source, read_condensed, write_condensed
from rnnbench.store.atomic import DamagedFileError, read_arrays, read_bytes
from rnnbench.store.reader import read_outcome, read_plan, read_run

EXPERIMENT = "experiment"
"""The column with the experiment that a run is taken from."""

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


@dataclass(frozen=True)
class CombinedSource:
    """Histories and arrays of runs, each from the experiment that holds it."""

    sources: dict[str, Source]
    """By run."""

    def histories(self, runs: Sequence[str]) -> pd.DataFrame:
        tables = [source.histories([run for run in runs if self.sources[run] is source]) for source in self._distinct()]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["step", "run"])

    def probe(self, run: str, name: str) -> dict[str, "np.ndarray[Any, Any]"]:
        return self.sources[run].probe(run, name)

    def probes(self) -> list[str]:
        return sorted({probe for source in self._distinct() for probe in source.probes()})

    def _distinct(self) -> list[Source]:
        return list({id(source): source for source in self.sources.values()}.values())


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
            settings.append(columns_of(stored.config))
    runs = pd.DataFrame(summaries, columns=None if summaries else list(IDENTITY))
    for column in NUMBERS:
        runs[column] = pd.to_numeric(runs[column]) if column in runs else np.nan
    runs["solved"] = [summary.get("solved") is True for summary in summaries]
    table = pd.concat([runs, pd.DataFrame(settings)], axis=1)
    if {"train.steps", "budget_steps"} <= set(table):  # of a budget in epochs, what it came to
        table["train.steps"] = table["train.steps"].fillna(table["budget_steps"])
    others = [column for column in table.columns if column not in IDENTITY]
    return table[[*IDENTITY, *others]], damaged


def columns_of(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A run's settings as columns, `model.layers` and so on, lists as text.

    Left out are the seed, which is part of a run's identity, and import paths but those of optimizer and schedule.
    """
    columns: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            columns |= columns_of(value, f"{name}.")
        elif is_setting(name) and (key != "_target_" or prefix in ("optimizer.", "schedule.")):
            columns[name] = str(value) if isinstance(value, list) else value
    return columns


def read_launches(files: ExperimentFiles) -> tuple[dict[str, None], set[str], dict[str, str]]:
    """The jobs of the experiment's launches, without the overrides that do not change what is run: those planned, those
    that left an outcome or whose run was done before, and what is wrong with each file that could not be read."""
    planned: dict[str, None] = {}
    ended: set[str] = set()
    damaged: dict[str, str] = {}
    for launch in files.launches():
        plan: list[str] = []
        try:
            jobs = read_plan(launch.plan)
        except DamagedFileError as error:
            damaged[f"launch {launch.folder.name}"] = f"{error.brief}, so its missing jobs are not known"
        else:
            plan = [_job(job.overrides) for job in jobs]
            ended |= {text for text, job in zip(plan, jobs, strict=True) if job.status is not None}
        for number, path in launch.outcomes().items():
            try:
                ended.add(_job(read_outcome(path).overrides))
            except DamagedFileError as error:
                damaged[f"launch {launch.folder.name}, job {number}"] = error.brief
                ended |= set(plan[number : number + 1])
        planned |= dict.fromkeys(plan)
    return planned, ended, damaged


def _job(overrides: Iterable[str]) -> str:
    return " ".join(override for override in overrides if changes_what_is_run(override))


def load_results(root: str | Path) -> Results:
    """The results below `<results_dir>/<name>/`: of its run folders and its condensed files together.

    A run that is in both is taken from its folder, unless only the condensed files have it come to a result. Raises
    SettingError when there is neither, when another version wrote the condensed files, and when these are damaged.
    """
    root = Path(root).expanduser()
    files = ExperimentFiles(root)
    folders, damaged = read_run_folders(files)
    planned, ended, of_launches = read_launches(files)
    damaged |= of_launches
    missing = [job for job in planned if job not in ended]
    if not (files.runs_table.exists() or files.histories.exists()):
        if folders.empty:
            raise SettingError(_without_runs(files, damaged))
        return Results(root.name, root, sorted_runs(folders), RunFolders(files), missing, damaged=damaged)
    condensed = read_condensed(files)
    missing += [job for job in condensed.missing if job not in {*missing, *ended}]
    begun = {run.name for run in files.begun_runs()}
    damaged |= {run: problem for run, problem in condensed.damaged.items() if run not in begun | set(damaged)}
    measured = condensed.runs["run"][condensed.runs["status"].isin(MEASURED)]
    newer = folders[folders["status"].isin(MEASURED) | ~folders["run"].isin(measured)]
    archived = condensed.runs[~condensed.runs["run"].isin(newer["run"])]
    tables = [table.astype(object) for table in (archived, newer) if len(table)]
    runs = sorted_runs(pd.concat(tables, ignore_index=True).infer_objects())
    source: Source = (archive := Archive(files))
    if len(newer) or (missing, damaged) != (condensed.missing, condensed.damaged):
        of_run: dict[str, Source] = dict.fromkeys(archived["run"], archive)
        source = CombinedSource(of_run | dict.fromkeys(newer["run"], RunFolders(files)))
    return Results(root.name, root, runs, source, missing, damaged=damaged)


def _without_runs(files: ExperimentFiles, damaged: dict[str, str]) -> str:
    name, parent = files.folder.name, files.folder.parent
    if damaged:
        folder, problem = next(iter(damaged.items()))
        return (
            f"name={name}: none of the {len(damaged)} folders in {files.runs} can be read ({folder}: {problem}); "
            "launch the runs again"
        )
    known = [other.folder.name for other in ExperimentFiles.all_in(parent)]
    return f"name={name}: no runs in {files.runs}; launch some, or choose in {parent}: {hint(name, known)}"


def write_archive(results: Results, tuning_seeds: Collection[int] = ()) -> Results:
    """Condense the results into files in their folder, and return them with histories and arrays from these.

    Of runs of the tuning seeds, which no figure draws, the probes' arrays are left out, unless earlier condensed files
    alone have them.
    """
    if isinstance(results.source, Archive):
        return results
    files = ExperimentFiles(results.root)
    sources = results.source.sources if isinstance(results.source, CombinedSource) else {}
    tuning = results.runs["run"][results.runs["seed"].isin(list(tuning_seeds))]
    without = {run for run in tuning if not isinstance(sources.get(run), Archive)}
    runs = results.runs.drop(columns=VARIANT)
    write_condensed(files, runs, results.source, results.missing, results.damaged, without)
    return replace(results, source=Archive(files))


def together(several: Sequence[Results], folder: Path) -> Results:
    """The runs of all of them, with a column `experiment`; `folder` is where a report of all is written.

    A run that two hold, which may differ in the settings of measurements (`probes`), counts once: one that came to a
    result, and of these the one with the most columns.
    """
    names = [results.name for results in several]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise SettingError(f"name=[{','.join(names)}]: {doubled[0]} is there twice")
    tables = [results.runs.drop(columns=VARIANT).assign(experiment=results.name) for results in several]
    runs = pd.concat(tables, ignore_index=True)
    unmeasured = ~runs["status"].isin(MEASURED)
    probes = tuple(column for column in setting_columns(runs) if column.startswith("probes."))
    kept = runs.iloc[np.lexsort((runs.isna().sum(axis=1), unmeasured))].drop_duplicates("run")
    variant = pd.Series(variants(kept, ignored=probes), kept.index, dtype=object)
    runs = kept.assign(variant=variant).drop_duplicates(RUN)
    source_of = {results.name: results.source for results in several}
    sources = {run: source_of[name] for run, name in zip(runs["run"], runs[EXPERIMENT], strict=True)}
    return Results(
        "+".join(names),
        folder,
        sorted_runs(runs, ignored=probes),
        CombinedSource(sources),
        missing=[f"{job} (of {results.name})" for results in several for job in results.missing],
        damaged={run: problem for results in several for run, problem in results.damaged.items() if run not in sources},
        ignored_settings=probes,
    )
