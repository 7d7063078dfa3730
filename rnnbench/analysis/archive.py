"""The results of an experiment condensed into a few small files, from which every table and figure can be made again.

They are the runs, their histories, their probes' arrays in single precision, the jobs that left no run, and the version
of this format; `rnnbench.schema.ExperimentFiles` says where they lie. They are small enough for version control, where
run folders are not, and the same runs give the same bytes.
"""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.analysis.run_folders import read_run_folders
from rnnbench.errors import SettingError
from rnnbench.schema import ARCHIVE_VERSION, STORED_GROUP, VARIANT, ExperimentFiles

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every array in an archive, so that the same arrays give the same bytes."""


@dataclass
class Archive:
    """Histories and arrays of the condensed files, which stay in memory, compressed, once they were asked for."""

    files: ExperimentFiles
    opened: dict[str, "_Arrays"] = field(default_factory=dict)

    def histories(self, runs: Sequence[str]) -> pd.DataFrame:
        table = pd.read_csv(self.files.histories, low_memory=False)
        return table[table["run"].isin(runs)]

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
        self.archive = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
        self.members: dict[str, list[str]] = {}
        for member in self.archive.namelist():
            self.members.setdefault(member.partition("/")[0], []).append(member)

    def of(self, run: str) -> dict[str, "np.ndarray[Any, Any]"]:
        """A run's arrays by name."""
        arrays = {}
        for member in self.members.get(run, []):
            with self.archive.open(member) as file:
                arrays[Path(member).stem] = np.asarray(np.lib.format.read_array(file, allow_pickle=False))
        return arrays


def load_results(root: Path) -> Results:
    """The results below `<results_dir>/<name>/`: of its run folders, or where there are none of its condensed files.

    Raises SettingError when there is neither, and when another version wrote them.
    """
    files = ExperimentFiles(root)
    if files.begun_runs():
        return read_run_folders(files)
    if files.runs_table.exists() and files.histories.exists():
        return read_archive(files)
    raise SettingError(f"name={root.name}: no runs in {files.runs}; launch some with `rnnbench name={root.name}`")


def read_archive(files: ExperimentFiles) -> Results:
    """The results of the condensed files. Raises SettingError when another version wrote them."""
    version = json.loads(files.schema.read_text())["version"] if files.schema.exists() else 1
    if version != ARCHIVE_VERSION:
        raise SettingError(
            f"name={files.folder.name}: {files.data} is in format {version}, this rnnbench reads {ARCHIVE_VERSION}; "
            "launch its runs again, or report with the version that wrote it (rnnbench_version in runs.csv)"
        )
    runs = pd.read_csv(files.runs_table, dtype=dict.fromkeys(STORED_GROUP, str), low_memory=False)
    missing = json.loads(files.missing.read_text())
    return Results(files.folder.name, files.folder, sorted_runs(runs), Archive(files), missing)


def write_archive(results: Results) -> Results:
    """Condense the results into files below their folder, and return them as these files have them."""
    if isinstance(results.source, Archive):
        return results
    files = ExperimentFiles(results.root)
    files.data.mkdir(exist_ok=True)
    files.schema.write_text(json.dumps({"version": ARCHIVE_VERSION}) + "\n")
    results.runs.drop(columns=VARIANT).to_csv(files.runs_table, index=False)
    files.missing.write_text(json.dumps(results.missing, indent=2) + "\n")
    runs = results.runs["run"].tolist()
    histories = results.source.histories(runs)
    histories = histories[["run", *(column for column in histories if column != "run")]]
    histories.to_csv(files.histories, index=False, compression={"method": "gzip", "mtime": 0})
    for name in results.source.probes():
        _write_arrays(files.arrays(name), results, name)
    return read_archive(files)


def _write_arrays(path: Path, results: Results, probe: str) -> None:
    """One run at a time, so that many runs take no more memory than one."""
    with zipfile.ZipFile(path, "w") as archive:
        for run in results.runs["run"]:
            for name, array in results.source.probe(run, probe).items():
                values = array.astype(np.float32) if array.dtype == np.float64 else array
                member = zipfile.ZipInfo(f"{run}/{name}.npy", EPOCH)
                member.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(member, "w") as file:
                    np.lib.format.write_array(file, np.ascontiguousarray(values), allow_pickle=False)
