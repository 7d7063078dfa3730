"""The results of an experiment condensed into a few small files, from which every table and figure can be made again.

They are the runs, their histories, their probes' arrays in single precision, the jobs that left no run, the run folders
that could not be read, and the version of this format; `rnnbench.schema.ExperimentFiles` says where they lie. They are
small enough for version control, where run folders are not, and the same runs give the same bytes.

Where there are condensed files and run folders, the results are those of both, so that no run is lost from the
condensed files because its folder is elsewhere.
"""

import csv
import dataclasses
import difflib
import gzip
import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from rnnbench.analysis.combined import CombinedSource
from rnnbench.analysis.results import Results, Source, sorted_runs
from rnnbench.analysis.run_folders import RunFolders, read_launches, read_run_folders
from rnnbench.analysis.variant import typed_value
from rnnbench.errors import SettingError, one_line
from rnnbench.schema import (
    ARCHIVE_VERSION,
    DIFFICULTY,
    LARGEST_SEED,
    MEASURED,
    STORED_GROUP,
    VARIANT,
    ExperimentFiles,
    Status,
    from_stored_text,
    is_name,
    is_setting,
    stored_text,
)
from rnnbench.store.atomic import (
    DamagedFileError,
    digest,
    digest_of,
    read_bytes,
    read_json_list,
    read_json_object,
    replacing_together,
)
from rnnbench.store.reader import NUMBERS

TEXT = (
    "git_commit", "component_source", "weights_sha256", "backend", "backend_reason", "measure", "error", "command_line"
)  # fmt: skip
"""Columns of text that may look like numbers, as digests do."""

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
        compressed = self._content(self.files.histories)
        try:
            return pd.read_csv(io.BytesIO(gzip.decompress(compressed)), low_memory=False, usecols=columns)
        except Exception as error:  # gzip and pandas raise a dozen kinds
            raise DamagedFileError(self.files.histories, f"is cut, or is no table ({one_line(error)})") from None

    def probe(self, run: str, name: str) -> dict[str, "np.ndarray[Any, Any]"]:
        if name not in self.opened:
            path = self.files.arrays(name)
            if not path.exists():
                return {}
            self.opened[name] = _Arrays(path, self._content(path))
        return self.opened[name].of(run)

    def _content(self, path: Path) -> bytes:
        """A file's bytes. Raises DamagedFileError unless they are those that the report wrote."""
        content = read_bytes(path)
        if read_json_object(self.files.schema, {}).get(path.name) not in (None, digest_of(content)):
            raise DamagedFileError(path, "is not as a report wrote it")
        return content

    def probes(self) -> list[str]:
        return self.files.probes()


class _Arrays:
    """The arrays of one probe by run, read from the compressed file when asked for."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        try:
            self.archive = zipfile.ZipFile(io.BytesIO(content))
        except Exception as error:  # zipfile raises a dozen kinds
            raise DamagedFileError(path, f"is cut, or does not hold arrays ({one_line(error)})") from None
        self.members: dict[str, list[str]] = {}
        for member in self.archive.namelist():
            self.members.setdefault(member.partition("/")[0], []).append(member)

    def of(self, run: str) -> dict[str, "np.ndarray[Any, Any]"]:
        """A run's arrays by name."""
        arrays = {}
        for member in self.members.get(run, []):
            try:
                with self.archive.open(member) as file:
                    array = np.asarray(np.lib.format.read_array(file, allow_pickle=False))
                if array.dtype.kind not in "biuf":
                    raise ValueError("other things than numbers")
                arrays[Path(member).stem] = array
            except Exception as error:  # numpy and zipfile raise a dozen kinds
                raise DamagedFileError(self.path, f"is damaged at {member} ({one_line(error)})") from None
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
    root = Path(root).expanduser()
    files = ExperimentFiles(root)
    folders, damaged = read_run_folders(files)
    launched = read_launches(files)
    damaged |= launched.damaged
    missing = [job for job in launched.planned if job not in launched.ended]
    archived, warnings = None, {}
    if files.runs_table.exists() or files.histories.exists():
        try:
            archived = _archived(files, folders)
        except DamagedFileError as error:
            if folders.empty or not _are_elsewhere(files, folders):
                raise _with_remedy(error) from None
            warnings = {error.path.name: f"{error.problem}; made again from the run folders"}
        else:
            warnings = archived.archive_warnings
    if archived is None:
        if folders.empty:
            raise SettingError(_without_runs(files, damaged))
        return Results(
            root.name,
            root,
            sorted_runs(folders),
            RunFolders(files),
            missing,
            damaged=damaged,
            archive_warnings=warnings,
        )
    if folders.empty and not damaged and not missing:
        return archived
    missing = [*missing, *(job for job in archived.missing if job not in {*missing, *launched.ended})]
    begun = {run.name for run in files.begun_runs()}
    damaged |= {run: problem for run, problem in archived.damaged.items() if run not in begun | set(damaged)}
    measured = archived.runs["run"][archived.runs["status"].isin(MEASURED)]
    from_folders = folders[folders["status"].isin(MEASURED) | ~folders["run"].isin(measured)]
    others = set(archived.runs["run"]) - set(from_folders["run"])
    if not others:
        return Results(
            root.name,
            root,
            sorted_runs(folders),
            RunFolders(files),
            missing,
            damaged=damaged,
            archive_warnings=warnings,
        )
    source = Merged(Archive(files), frozenset(others), RunFolders(files))
    runs = sorted_runs(_merged(files, others, from_folders))
    return Results(root.name, root, runs, source, missing, damaged=damaged, archive_warnings=warnings)


def _archived(files: ExperimentFiles, folders: pd.DataFrame) -> Results:
    """The results of the condensed files. Raises SettingError as `read_archive`, and when they lack a run."""
    archived = read_archive(files)
    try:
        _check_condensed(files)
    except DamagedFileError:
        if folders.empty:  # nothing is written, and each table or figure that needs the file fails alone
            return archived
        raise
    if lost := Archive(files).runs() - {*folders["run"], *archived.runs["run"]}:
        lacks = f"lacks {len(lost)} runs that {files.histories.name} has, such as {min(lost)}"
        raise DamagedFileError(files.runs_table, lacks)
    return archived


def _without_runs(files: ExperimentFiles, damaged: dict[str, str]) -> str:
    if damaged:
        folder, problem = next(iter(damaged.items()))
        return (
            f"name={files.folder.name}: none of the {len(damaged)} folders in {files.runs} can be read ({folder}: "
            f"{problem}); launch the runs again"
        )
    name, parent = files.folder.name, files.folder.parent
    if not parent.is_dir():
        return f"name={name}: there is no folder {parent}; launch some runs, or go to where it is"
    known = [other.folder.name for other in ExperimentFiles.all_in(parent)]
    near = difflib.get_close_matches(name, known, n=1)
    others = f" or choose from {', '.join(known)}" if known else ""
    return f"name={name}: no runs in {files.runs}; " + (f"did you mean {near[0]}?" if near else f"launch some{others}")


def _merged(files: ExperimentFiles, archived: set[str], folders: pd.DataFrame) -> pd.DataFrame:
    """These archived runs and those of the folders, one table: both go through text, so that equal values are equal."""
    text = pd.read_csv(files.runs_table, dtype=str, keep_default_na=False)
    new = pd.read_csv(io.StringIO(_written(folders)), dtype=str, keep_default_na=False)
    both = pd.concat([text[text["run"].isin(archived)], new]).fillna("")
    return _read_runs(io.StringIO(both.to_csv(index=False)))


def _written(runs: pd.DataFrame) -> str:
    """runs.csv: settings and difficulties as text that keeps their types, see `rnnbench.schema.stored_text`."""
    table = runs.copy()
    for column in filter(_is_typed, map(str, table)):
        if not pd.api.types.is_numeric_dtype(table[column]):
            table[column] = [stored_text(value) for _, value in map(typed_value, table[column])]
    table[DIFFICULTY] = table[DIFFICULTY].where(runs[DIFFICULTY] != "", "")
    return table.to_csv(index=False)


def _read_runs(source: Path | IO[str]) -> pd.DataFrame:
    """The runs of a runs.csv, with an empty cell for nothing and no other text for it."""
    header = pd.read_csv(source, nrows=0)
    if not isinstance(source, Path):
        source.seek(0)
    text = [*STORED_GROUP, *filter(_is_typed, map(str, header)), *TEXT]
    runs = pd.read_csv(
        source, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""], low_memory=False
    )  # fmt: skip
    names = [column for column in STORED_GROUP if column in runs]
    runs[names] = runs[names].fillna("")
    return runs.assign(**{column: _typed(runs[column]) for column in filter(_is_typed, map(str, runs))})


def _is_typed(column: str) -> bool:
    return column == DIFFICULTY or is_setting(column)


def _typed(column: "pd.Series[str]") -> "pd.Series[Any]":
    """The values of a column that was written by `_written`; numbers in a column of numbers alone."""
    known = {text: from_stored_text(text) for text in column.fillna("").unique()}
    values = [known[text] for text in column.fillna("")]
    kinds = {type(value) for value in known.values()} - {type(None)}
    is_exact = None not in values or all(abs(value) <= 2**53 for value in known.values() if type(value) is int)
    is_uniform = is_exact and (len(kinds) == 1 or kinds <= {int, float})
    return pd.Series(values, column.index, dtype=(None if kinds else float) if is_uniform else object)


def read_archive(files: ExperimentFiles) -> Results:
    """The results of the condensed files. Raises SettingError when another version wrote them or one is damaged."""
    has_schema = files.schema.exists()
    schema = read_json_object(files.schema, {"version": int}) if has_schema else {"version": 1}
    if schema["version"] != ARCHIVE_VERSION:
        lacks = "" if has_schema else f"{files.schema} is missing; without it "
        raise SettingError(
            f"name={files.folder.name}: {lacks}{files.data} is in format {schema['version']}, this rnnbench reads "
            f"{ARCHIVE_VERSION}; launch its runs again and move it and {files.runs_table.name} away, or report with "
            f"the version that wrote it (rnnbench_version in {files.runs_table.name})"
        )
    _check_runs_table(files.runs_table)
    missing, damaged, warnings = _read_lists(files)
    if schema.get(files.runs_table.name) not in (None, digest(files.runs_table)):
        warnings[files.runs_table.name] = "is not as a report wrote it; its rows are used as they are"
    source, runs = Archive(files), sorted_runs(_read_runs(files.runs_table))
    return Results(files.folder.name, files.folder, runs, source, missing, damaged=damaged, archive_warnings=warnings)


def _read_lists(files: ExperimentFiles) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """The jobs without a run, the run folders that could not be read, and what is wrong with the files of these."""
    warnings = {}
    try:
        missing = read_json_list(files.missing)
        if not all(isinstance(job, str) for job in missing):
            raise DamagedFileError(files.missing, "holds other things than jobs")
    except DamagedFileError as error:
        missing, warnings[files.missing.name] = [], f"{error.problem}; which jobs are missing is not known"
    try:
        damaged = read_json_object(files.damaged, {}) if files.damaged.exists() else {}
        if not all(isinstance(problem, str) for problem in damaged.values()):
            raise DamagedFileError(files.damaged, "holds other things than what is wrong with run folders")
    except DamagedFileError as error:
        damaged, warnings[files.damaged.name] = (
            {},
            f"{error.problem}; which run folders were damaged is not known",
        )
    return missing, damaged, warnings


def _check_runs_table(path: Path) -> None:
    """Raises DamagedFileError unless the file is a whole table of runs, each once, with values that they can have."""
    content = read_bytes(path)
    try:
        text = content.decode()
        header, *rows = csv.reader(io.StringIO(text), strict=True)
    except (ValueError, csv.Error):
        raise DamagedFileError(path, "is cut, or is no table") from None
    if lacking := [column for column in ("run", "status", *STORED_GROUP, "seed") if column not in header]:
        raise DamagedFileError(path, f"has no column {', '.join(lacking)}")
    if not text.endswith("\n") or "\0" in text or any(len(row) != len(header) for row in rows):
        raise DamagedFileError(path, "is cut")
    if len(header) != len(set(header)):
        raise DamagedFileError(path, "has a column twice")
    names = [row[header.index("run")] for row in rows]
    if not names or len(names) != len(set(names)):
        raise DamagedFileError(path, "has no runs, or one of them twice")
    numbers = [name for name in NUMBERS if name in header]
    for row in (dict(zip(header, each, strict=True)) for each in rows):
        if row["status"] not in list(Status):
            raise DamagedFileError(path, f"has an unknown status, {row['status']!r}")
        if not re.fullmatch(r"-?\d{1,19}", row["seed"]) or abs(int(row["seed"])) > LARGEST_SEED:
            raise DamagedFileError(path, f"has {row['seed']!r} as seed")
        if odd := [name for name in ("task", "cell") if not is_name(row[name])]:
            raise DamagedFileError(path, f"has {row[odd[0]]!r} as {odd[0]}")
        if wrong := [name for name in numbers if row[name] and not _is_number(row[name])]:
            raise DamagedFileError(path, f"has {row[wrong[0]]!r} as {wrong[0]}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_condensed(files: ExperimentFiles) -> None:
    """Raises DamagedFileError unless histories and arrays can be read."""
    archive = Archive(files)
    archive.runs()
    for probe in archive.probes():
        archive.probe("", probe)


def _are_elsewhere(files: ExperimentFiles, folders: pd.DataFrame) -> bool:
    """Whether every run of the condensed files, some of them damaged, has come to a result in its folder."""
    known: set[str] = set()
    try:
        _check_runs_table(files.runs_table)
        known |= set(pd.read_csv(files.runs_table, dtype=str, usecols=["run"])["run"])
    except DamagedFileError:
        try:
            known |= Archive(files).runs()
        except DamagedFileError:
            return False
    return known <= set(folders["run"][folders["status"].isin(MEASURED)])


def _with_remedy(error: DamagedFileError) -> DamagedFileError:
    """A condensed file is not replaced while it cannot be read, unless all runs in it are elsewhere."""
    remedy = "restore it, or move runs.csv and data/ away to report on run folders"
    return DamagedFileError(error.path, f"{error.problem}; {remedy}")


def write_archive(results: Results, folder: Path | None = None) -> Results:
    """Condense the results into files below their folder, or another, and return them as these files have them.

    Those of several experiments are left as they are: each is condensed in its own folder.

    The files take the places of the earlier ones together, once all of them are written. The runs come last, so that
    the others have whatever these name even after a kill in between.
    """
    if isinstance(results.source, Archive | CombinedSource):
        return results
    files = ExperimentFiles(folder or results.root)
    files.data.mkdir(exist_ok=True)
    runs = results.runs["run"].tolist()
    histories = results.source.histories(runs)
    histories = histories[["run", *(column for column in histories if column != "run")]]
    schema: dict[str, Any] = {"version": ARCHIVE_VERSION}
    with replacing_together() as replace:
        for name in results.source.probes():
            _write_arrays(written := replace(files.arrays(name)), results, name)
            schema[files.arrays(name).name] = _digest_of_written(written)
        with gzip.GzipFile(files.histories.name, "wb", fileobj=(written := replace(files.histories)), mtime=0) as file:
            file.write(histories.to_csv(index=False).encode())
        schema[files.histories.name] = _digest_of_written(written)
        replace(files.missing).write((json.dumps(results.missing, indent=2) + "\n").encode())
        if results.damaged:
            replace(files.damaged).write((json.dumps(results.damaged, indent=2) + "\n").encode())
        table = _written(results.runs.drop(columns=VARIANT)).encode()
        schema[files.runs_table.name] = digest_of(table)
        replace(files.schema).write((json.dumps(schema) + "\n").encode())
        replace(files.runs_table).write(table)
    if not results.damaged:
        files.damaged.unlink(missing_ok=True)
    condensed = read_archive(files)
    return dataclasses.replace(
        condensed, name=results.name, root=results.root, archive_warnings=results.archive_warnings
    )


def _digest_of_written(file: IO[bytes]) -> str:
    file.flush()
    return digest(Path(file.name))


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
