"""The results of an experiment condensed into a few small files, from which every table and figure can be made again.

`runs.csv` stands beside the tables; in `data/`, `histories.csv.gz` holds all histories, `<probe>.npz` the arrays of
every run as `<run>/<array>` in single precision, and `missing.json` the jobs that left no run. They are small enough
for version control, where run folders are not, and the same runs give the same bytes.
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
from rnnbench.analysis.run_folders import has_run_folders, read_run_folders
from rnnbench.schema import STORED_GROUP, VARIANT

RUNS, DATA, HISTORIES, MISSING = "runs.csv", "data", "histories.csv.gz", "missing.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every array in an archive, so that the same arrays give the same bytes."""


@dataclass
class Archive:
    """Histories and arrays of the files in `root`/data, which stay in memory, compressed, once they were asked for."""

    root: Path
    opened: dict[str, "_Arrays"] = field(default_factory=dict)

    def histories(self, runs: Sequence[str]) -> pd.DataFrame:
        table = pd.read_csv(self.root / DATA / HISTORIES, low_memory=False)
        return table[table["run"].isin(runs)]

    def probe(self, run: str, name: str) -> dict[str, "np.ndarray[Any, Any]"]:
        if name not in self.opened:
            path = self.root / DATA / f"{name}.npz"
            if not path.exists():
                return {}
            self.opened[name] = _Arrays(path)
        return self.opened[name].of(run)

    def probes(self) -> list[str]:
        return sorted(path.stem for path in (self.root / DATA).glob("*.npz"))


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

    Raises ValueError when there is neither.
    """
    if has_run_folders(root):
        return read_run_folders(root)
    if (root / RUNS).exists() and (root / DATA / HISTORIES).exists():
        return read_archive(root)
    raise ValueError(f"name={root.name}: no runs in {root / 'runs'}; launch some with `rnnbench name={root.name}`")


def read_archive(root: Path) -> Results:
    """The results of the condensed files."""
    runs = pd.read_csv(root / RUNS, dtype=dict.fromkeys(STORED_GROUP, str), low_memory=False)
    return Results(root.name, root, sorted_runs(runs), Archive(root), json.loads((root / DATA / MISSING).read_text()))


def write_archive(results: Results) -> Results:
    """Condense the results into files below their folder, and return them as these files have them."""
    if isinstance(results.source, Archive):
        return results
    folder = results.root / DATA
    folder.mkdir(exist_ok=True)
    results.runs.drop(columns=VARIANT).to_csv(results.root / RUNS, index=False)
    (folder / MISSING).write_text(json.dumps(results.missing, indent=2) + "\n")
    runs = results.runs["run"].tolist()
    histories = results.source.histories(runs)
    histories = histories[["run", *(column for column in histories if column != "run")]]
    histories.to_csv(folder / HISTORIES, index=False, compression={"method": "gzip", "mtime": 0})
    for name in results.source.probes():
        _write_arrays(folder / f"{name}.npz", results, name)
    return read_archive(results.root)


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
