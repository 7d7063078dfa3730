"""Whatever a results folder from elsewhere holds, reading it runs nothing, and no table replaces the runs."""

import json
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnbench.analysis.archive import load_results, write_archive
from rnnbench.errors import SettingError
from rnnbench.recorders import RunFolder
from rnnbench.report import write_report
from rnnbench.report.tables.comparison import Comparison
from rnnbench.schema import ExperimentFiles
from rnnbench.store.archive import Archive
from rnnbench.store.atomic import DamagedFileError
from tests.store.test_writer import RunsCode


def as_pickle(path: Path, proof: Path) -> None:
    path.write_bytes(pickle.dumps(RunsCode(proof)))


def as_array(path: Path, proof: Path) -> None:
    """An npz, or a zip of arrays by run, whose arrays are objects."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("step", "norm", "run/norm"):
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.array([RunsCode(proof)], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(("write", "unpickle"), [
    (as_pickle, lambda path: pickle.loads(path.read_bytes())),
    (as_array, lambda path: np.load(path, allow_pickle=True)["norm"]),
])  # fmt: skip
def test_nothing_that_is_read_runs_code(small_experiment: Path, tmp_path: Path, write: Any, unpickle: Any) -> None:
    proof = tmp_path / "ran"
    write_archive(load_results(small_experiment))
    files = ExperimentFiles(small_experiment)
    run = RunFolder(files.begun_runs()[0].folder)
    for path in (run.files.history, run.files.arrays("gradient_profile"),
                 files.histories, files.arrays("gradient_profile")):  # fmt: skip
        whole = path.read_bytes() if path.exists() else None
        write(path, proof)
        with suppress(SettingError):
            results = load_results(small_experiment)
            for source in (results.source, Archive(files)):
                for name in results.runs["run"]:
                    with suppress(DamagedFileError):
                        source.probe(name, "gradient_profile")
                with suppress(DamagedFileError):
                    source.histories(results.runs["run"].tolist())
        assert not proof.exists(), path
        path.unlink(missing_ok=True) if whole is None else path.write_bytes(whole)
    write(tmp_path / "file.npz", proof)
    unpickle(tmp_path / "file.npz")
    assert proof.exists()  # it would have, if it had been unpickled


def test_neither_a_table_nor_a_sidecar_takes_the_place_of_the_runs(small_experiment: Path) -> None:
    results = write_archive(load_results(small_experiment))
    files = ExperimentFiles(small_experiment)
    before = files.runs_table.read_bytes()
    for name in ("runs", "report"):
        with pytest.raises(SettingError, match=rf"tables\.{name}\b"):
            write_report(results, {name: Comparison()}, {}, [])
        sidecar = {"kind": "Table", "files": [f"{name}.csv", f"{name}.html"], "drawn_by": {}}
        (small_experiment / f"{name}.json").write_text(json.dumps(sidecar))
    assert "runs.csv" not in write_report(results, {}, {}, []).removed
    assert files.runs_table.read_bytes() == before
    assert files.report.exists()
