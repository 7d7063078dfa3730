"""Assembles the results of an experiment from its run folders and from the files that it was condensed into.

Where there are both, the results are those of both together, so that no run is lost from the condensed files because
its folder is elsewhere.
"""

import difflib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pandas as pd

from rnnbench.analysis.combined import EXPERIMENT, CombinedSource
from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.analysis.run_folders import RunFolders, read_launches, read_run_folders
from rnnbench.errors import SettingError
from rnnbench.schema import MEASURED, VARIANT, ExperimentFiles
from rnnbench.store.archive import Archive, Source, read_condensed, text_of_runs, typed_runs, write_condensed


def load_results(root: str | Path) -> Results:
    """The results below `<results_dir>/<name>/`: of its run folders and its condensed files together.

    A run that is in both is taken from its folder, unless only the condensed files have it come to a result. Raises
    SettingError when there is neither, when another version wrote the condensed files, and when these are damaged.
    """
    root = Path(root).expanduser()
    files = ExperimentFiles(root)
    folders, damaged = read_run_folders(files)
    launched = read_launches(files)
    damaged |= launched.damaged
    missing = [job for job in launched.planned if job not in launched.ended]
    if not (files.runs_table.exists() or files.histories.exists()):
        if folders.empty:
            raise SettingError(_without_runs(files, damaged))
        return Results(root.name, root, sorted_runs(folders), RunFolders(files), missing, damaged=damaged)
    condensed = read_condensed(files, elsewhere=folders["run"])
    missing += [job for job in condensed.missing if job not in {*missing, *launched.ended}]
    begun = {run.name for run in files.begun_runs()}
    damaged |= {run: problem for run, problem in condensed.damaged.items() if run not in begun | set(damaged)}
    measured = condensed.runs["run"][condensed.runs["status"].isin(MEASURED)]
    newer = folders[folders["status"].isin(MEASURED) | ~folders["run"].isin(measured)]
    archived = condensed.runs[~condensed.runs["run"].isin(newer["run"])]
    archive, in_folders = Archive(files), RunFolders(files)
    source: Source = in_folders
    if archived.empty:
        runs = folders
    else:  # all of them through text, so that equal values are equal
        runs = typed_runs(pd.concat([archived, text_of_runs(newer)]) if len(newer) else archived)
        source = CombinedSource(dict.fromkeys(archived["run"], archive) | dict.fromkeys(newer["run"], in_folders))
        if newer.empty and (missing, damaged) == (condensed.missing, condensed.damaged):
            source = archive
    warnings = condensed.warnings
    return Results(root.name, root, sorted_runs(runs), source, missing, damaged=damaged, archive_warnings=warnings)


def _without_runs(files: ExperimentFiles, damaged: dict[str, str]) -> str:
    name, parent = files.folder.name, files.folder.parent
    if damaged:
        folder, problem = next(iter(damaged.items()))
        return (
            f"name={name}: none of the {len(damaged)} folders in {files.runs} can be read ({folder}: {problem}); "
            "launch the runs again"
        )
    if not files.folder.is_absolute() and ExperimentFiles(Path("results") / files.folder).runs.exists():
        return f"{files.folder}: no results in this folder; did you mean results/{files.folder}?"
    if not parent.is_dir():
        return f"name={name}: there is no folder {parent}; launch some runs, or go to where it is"
    known = [other.folder.name for other in ExperimentFiles.all_in(parent)]
    near = difflib.get_close_matches(name, known, n=1)
    others = f" or choose from {', '.join(known)}" if known else ""
    return f"name={name}: no runs in {files.runs}; " + (f"did you mean {near[0]}?" if near else f"launch some{others}")


def write_archive(results: Results, folder: Path | None = None, tuning_seeds: Collection[int] = ()) -> Results:
    """Condense the results into files below their folder, or another, and return them as these files have them.

    Of runs of the tuning seeds, which no figure draws, the probes' arrays are left out.
    Those of several experiments are left as they are: each is condensed in its own folder.
    """
    if isinstance(results.source, Archive) or EXPERIMENT in results.runs:
        return results
    files = ExperimentFiles(folder or results.root)
    runs = results.runs.drop(columns=VARIANT)
    write_condensed(files, runs, results.source, results.missing, results.damaged, tuning_seeds)
    condensed = read_condensed(files)
    return replace(results, runs=sorted_runs(typed_runs(condensed.runs)), source=Archive(files))
