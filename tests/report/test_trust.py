"""Whatever a results folder from elsewhere holds, reading it runs nothing."""

import gzip
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnbench.analysis.archive import load_results, write_archive
from rnnbench.cli.launches import planned_jobs, read_outcomes
from rnnbench.errors import SettingError
from rnnbench.recorders import RunFolder
from rnnbench.report import write_report
from rnnbench.run_index import RunIndex
from rnnbench.schema import ExperimentFiles
from rnnbench.storage import DamagedFileError


class RunsCode:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def as_pickle(path: Path, proof: Path) -> None:
    path.write_bytes(pickle.dumps(RunsCode(proof)))


def as_array(path: Path, proof: Path) -> None:
    """An npz, or a zip of arrays by run, whose arrays are objects."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("step", "norm", "run/norm"):
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.array([RunsCode(proof)], dtype=object), allow_pickle=True)


def as_npy(path: Path, proof: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([RunsCode(proof)], dtype=object), allow_pickle=True)


def as_checkpoint(path: Path, proof: Path) -> None:
    torch.save({"written_by": {}, "progress": RunsCode(proof)}, path)


def as_gzip(path: Path, proof: Path) -> None:
    path.write_bytes(gzip.compress(pickle.dumps(RunsCode(proof))))


WAYS = {each.__name__: each for each in (as_pickle, as_array, as_npy, as_checkpoint, as_gzip)}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_is_read_runs_code(small_experiment: Path, tmp_path: Path, way: str) -> None:
    proof = tmp_path / "ran"
    write_archive(load_results(small_experiment))
    files = ExperimentFiles(small_experiment)
    run = RunFolder(files.begun_runs()[0].folder)
    run.files.checkpoint.write_bytes(b"")
    (launch,) = files.launches()
    RunIndex(files).save()
    places = [
        run.files.summary, run.files.config, run.files.history, run.files.arrays("gradient_profile"),
        run.files.checkpoint, run.files.lock, launch.plan, launch.outcome(0), files.index, files.runs_table,
        files.schema, files.histories, files.missing, files.damaged, files.arrays("gradient_profile"),
    ]  # fmt: skip
    for path in places:
        whole = path.read_bytes() if path.exists() else None
        WAYS[way](path, proof)
        with suppress(SettingError):
            results = load_results(small_experiment)
            with suppress(SettingError, DamagedFileError):
                results.histories()
            for name in results.runs["run"]:
                with suppress(DamagedFileError):
                    results.probe(name, "gradient_profile")
            write_report(results, {}, {}, [])
        for read in (run.summary, run.load_checkpoint, lambda: planned_jobs(launch.folder)):
            with suppress(DamagedFileError):
                read()
        read_outcomes(launch.folder)
        assert not proof.exists(), path
        path.unlink(missing_ok=True) if whole is None else path.write_bytes(whole)


@pytest.mark.parametrize(("way", "load"), [
    ("as_pickle", lambda path: pickle.loads(path.read_bytes())),
    ("as_npy", lambda path: np.load(path, allow_pickle=True)),
    ("as_array", lambda path: np.load(path, allow_pickle=True)["norm"]),
    ("as_checkpoint", lambda path: torch.load(path, weights_only=False)),
    ("as_gzip", lambda path: pickle.loads(gzip.decompress(path.read_bytes()))),
])  # fmt: skip
def test_it_would_run_if_it_were_unpickled(tmp_path: Path, way: str, load: Any) -> None:
    WAYS[way](tmp_path / "file.npz", tmp_path / "ran")
    load(tmp_path / "file.npz")
    assert (tmp_path / "ran").exists()
