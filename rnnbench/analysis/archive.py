"""The results of an experiment condensed into a few small files, from which every table and figure can be made again.

They are the runs, their histories, their probes' arrays in single precision, the jobs that left no run, the run folders
that could not be read, and the version of this format; `rnnbench.schema.ExperimentFiles` says where they lie. They are
small enough for version control, where run folders are not, and the same runs give the same bytes.

Where there are condensed files and run folders, the results are those of both, so that no run is lost from the
condensed files because its folder is elsewhere.
"""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import Results, Source, sorted_runs
from rnnbench.analysis.run_folders import RunFolders, read_launches, read_run_folders
from rnnbench.errors import SettingError, one_line
from rnnbench.schema import ARCHIVE_VERSION, MEASURED, STORED_GROUP, VARIANT, ExperimentFiles
from rnnbench.storage import DamagedFileError, read_bytes, read_json_list, read_json_object, replacing_together

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every array in an archive, so that the same arrays give the same bytes."""


@dataclass
class Archive:
    """Histories and arrays of the condensed files, which stay in memory, compressed, once they were asked for."""

    files: ExperimentFiles
    opened: dict[str, "_Arrays"] = field(default_factory=dict)

    def histories(self, runs: Sequence[str]) -> pd.DataFrame:
        table = self._histories()
        return table[table["run"].isin(runs)]

    def runs(self) -> set[str]:
        """The runs that have a history."""
        return set(self._histories(["run"])["run"])

    def _histories(self, columns: list[str] | None = None) -> pd.DataFrame:
        compressed = read_bytes(self.files.histories)
        try:
            return pd.read_csv(io.BytesIO(gzip.decompress(compressed)), low_memory=False, usecols=columns)
        except Exception as error:  # gzip and pandas raise a dozen kinds
            raise _damaged(self.files.histories, f"is cut, or is no table ({one_line(error)})") from None

    def probe(self, run: str, name: str) -> dict[str, "np.ndarray[Any, Any]"]:
        if name not in self.opened:
            path = self.files.arrays(name)
            if not path.exists():
                return {}
            self.opened[name] = _Arrays(path)
        return self.opened[name].of(run)

    def probes(self) -> list[str]:
        return self.files.probes()


class _Arrays:
    """The arrays of one probe by run, read from the compressed file when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.archive = zipfile.ZipFile(io.BytesIO(read_bytes(path)))
        except zipfile.BadZipFile as error:
            raise _damaged(path, f"is cut, or does not hold arrays ({one_line(error)})") from None
        self.members: dict[str, list[str]] = {}
        for member in self.archive.namelist():
            self.members.setdefault(member.partition("/")[0], []).append(member)

    def of(self, run: str) -> dict[str, "np.ndarray[Any, Any]"]:
        """A run's arrays by name."""
        arrays = {}
        for member in self.members.get(run, []):
            try:
                with self.archive.open(member) as file:
                    arrays[Path(member).stem] = np.asarray(np.lib.format.read_array(file, allow_pickle=False))
            except Exception as error:  # numpy and zipfile raise a dozen kinds
                raise _damaged(self.path, f"is damaged at {member} ({one_line(error)})") from None
        return arrays


@dataclass
class Merged:
    """Histories and arrays of runs of which some have a folder and the others are in the condensed files."""

    archive: Archive
    archived: frozenset[str]
    """The runs that are taken from the condensed files."""
    folders: RunFolders

    def histories(self, runs: Sequence[str]) -> pd.DataFrame:
        archived = self.archive.histories([run for run in runs if run in self.archived])
        return pd.concat([archived, self.folders.histories([run for run in runs if run not in self.archived])])

    def probe(self, run: str, name: str) -> dict[str, "np.ndarray[Any, Any]"]:
        source: Source = self.archive if run in self.archived else self.folders
        return source.probe(run, name)

    def probes(self) -> list[str]:
        return sorted({*self.archive.probes(), *self.folders.probes()})


def load_results(root: str | Path) -> Results:
    """The results below `<results_dir>/<name>/`: of its run folders and its condensed files together.

    A run that is in both is taken from its folder, unless only the condensed files have it come to a result. Raises
    SettingError when there is neither, when another version wrote the condensed files, and when these are damaged.
    """
    root = Path(root)
    files = ExperimentFiles(root)
    folders, damaged = read_run_folders(files)
    launched = read_launches(files)
    damaged |= launched.damaged
    missing = [job for job in launched.planned if job not in launched.ended]
    archived = read_archive(files) if files.runs_table.exists() else None
    known = {*folders["run"], *([] if archived is None else archived.runs["run"])}
    if lost := (Archive(files).runs() if files.histories.exists() else set()) - known:
        raise _damaged(files.runs_table, f"lacks {len(lost)} runs that {files.histories.name} has, such as {min(lost)}")
    if archived is None:
        if folders.empty:
            raise SettingError(_without_runs(files, damaged))
        return Results(root.name, root, sorted_runs(folders), RunFolders(files), missing, damaged=damaged)
    if folders.empty and not damaged and not missing:
        return archived
    missing = [*missing, *(job for job in archived.missing if job not in {*missing, *launched.ended})]
    begun = {run.name for run in files.begun_runs()}
    damaged |= {run: problem for run, problem in archived.damaged.items() if run not in begun | set(damaged)}
    measured = archived.runs["run"][archived.runs["status"].isin(MEASURED)]
    from_folders = folders[folders["status"].isin(MEASURED) | ~folders["run"].isin(measured)]
    others = set(archived.runs["run"]) - set(from_folders["run"])
    if not others:
        return Results(root.name, root, sorted_runs(folders), RunFolders(files), missing, damaged=damaged)
    source = Merged(Archive(files), frozenset(others), RunFolders(files))
    runs = sorted_runs(_merged(files, others, from_folders))
    return Results(root.name, root, runs, source, missing, damaged=damaged)


def _without_runs(files: ExperimentFiles, damaged: dict[str, str]) -> str:
    if damaged:
        folder, problem = next(iter(damaged.items()))
        return (
            f"name={files.folder.name}: none of the {len(damaged)} folders in {files.runs} can be read ({folder}: "
            f"{problem}); launch the runs again"
        )
    return f"name={files.folder.name}: no runs in {files.runs}; launch some with `rnnbench name={files.folder.name}`"


def _merged(files: ExperimentFiles, archived: set[str], folders: pd.DataFrame) -> pd.DataFrame:
    """These archived runs and those of the folders, one table: both go through text, so that equal values are equal."""
    text = pd.read_csv(files.runs_table, dtype=str, keep_default_na=False)
    new = pd.read_csv(io.StringIO(folders.to_csv(index=False)), dtype=str, keep_default_na=False)
    both = pd.concat([text[text["run"].isin(archived)], new]).fillna("")
    return _read_runs(io.StringIO(both.to_csv(index=False)))


def _read_runs(source: Path | IO[str]) -> pd.DataFrame:
    return pd.read_csv(source, dtype=dict.fromkeys(STORED_GROUP, str), low_memory=False)


def read_archive(files: ExperimentFiles) -> Results:
    """The results of the condensed files. Raises SettingError when another version wrote them or one is damaged."""
    version = read_json_object(files.schema, {"version": int})["version"] if files.schema.exists() else 1
    if version != ARCHIVE_VERSION:
        raise SettingError(
            f"name={files.folder.name}: {files.data} is in format {version}, this rnnbench reads {ARCHIVE_VERSION}; "
            f"launch its runs again and move it and {files.runs_table.name} away, or report with the version that "
            f"wrote it (rnnbench_version in {files.runs_table.name})"
        )
    _check_runs_table(files.runs_table)
    damaged = read_json_object(files.damaged, {}) if files.damaged.exists() else {}
    source, runs = Archive(files), sorted_runs(_read_runs(files.runs_table))
    return Results(files.folder.name, files.folder, runs, source, read_json_list(files.missing), damaged=damaged)


def _check_runs_table(path: Path) -> None:
    """Raises DamagedFileError unless the file is a whole table of runs, each once."""
    content = read_bytes(path)
    try:
        text = content.decode()
        header, *rows = csv.reader(io.StringIO(text), strict=True)
    except (UnicodeDecodeError, csv.Error):
        raise _damaged(path, "is cut, or is no table") from None
    if lacking := [column for column in ("run", "status", *STORED_GROUP, "seed") if column not in header]:
        raise _damaged(path, f"has no column {', '.join(lacking)}")
    if not text.endswith("\n") or any(len(row) != len(header) for row in rows):
        raise _damaged(path, "is cut")
    names = [row[header.index("run")] for row in rows]
    if not names or len(names) != len(set(names)):
        raise _damaged(path, "has no runs, or one of them twice")


def _damaged(path: Path, problem: str) -> DamagedFileError:
    """A condensed file is never replaced while it cannot be read: the runs in it may be nowhere else."""
    return DamagedFileError(path, f"{problem}; restore it, or move runs.csv and data/ away to report on run folders")


def write_archive(results: Results) -> Results:
    """Condense the results into files below their folder, and return them as these files have them.

    The files take the places of the earlier ones together, once all of them are written. The runs come last, so that
    the others have whatever these name even after a kill in between.
    """
    if isinstance(results.source, Archive):
        return results
    files = ExperimentFiles(results.root)
    files.data.mkdir(exist_ok=True)
    runs = results.runs["run"].tolist()
    histories = results.source.histories(runs)
    histories = histories[["run", *(column for column in histories if column != "run")]]
    with replacing_together() as replace:
        for name in results.source.probes():
            _write_arrays(replace(files.arrays(name)), results, name)
        with gzip.GzipFile(files.histories.name, "wb", fileobj=replace(files.histories), mtime=0) as file:
            file.write(histories.to_csv(index=False).encode())
        replace(files.missing).write((json.dumps(results.missing, indent=2) + "\n").encode())
        if results.damaged:
            replace(files.damaged).write((json.dumps(results.damaged, indent=2) + "\n").encode())
        replace(files.schema).write((json.dumps({"version": ARCHIVE_VERSION}) + "\n").encode())
        replace(files.runs_table).write(results.runs.drop(columns=VARIANT).to_csv(index=False).encode())
    if not results.damaged:
        files.damaged.unlink(missing_ok=True)
    return read_archive(files)


def _write_arrays(file: IO[bytes], results: Results, probe: str) -> None:
    """One run at a time, so that many runs take no more memory than one."""
    with zipfile.ZipFile(file, "w") as archive:
        for run in results.runs["run"]:
            for name, array in results.source.probe(run, probe).items():
                values = array.astype(np.float32) if array.dtype == np.float64 else array
                member = zipfile.ZipInfo(f"{run}/{name}.npy", EPOCH)
                member.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(member, "w") as inside:
                    np.lib.format.write_array(inside, np.ascontiguousarray(values), allow_pickle=False)
