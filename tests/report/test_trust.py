"""Whatever a results folder from elsewhere holds, reading it runs nothing, and no table replaces the runs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnbench.analysis.archive import load_results, write_archive
from rnnbench.errors import SettingError
from rnnbench.report import write_report
from rnnbench.report.tables.comparison import Comparison
from rnnbench.schema import ExperimentFiles
from rnnbench.store.archive import Archive
from rnnbench.store.atomic import DamagedFileError, read_arrays
from tests.store.test_writer import RunsCode


def test_nothing_that_is_read_runs_code(small_experiment: Path, tmp_path: Path) -> None:
    """Neither a run's arrays nor the archive's, where they are pickled objects."""
    proof, name = tmp_path / "ran", "gradient_profile"
    write_archive(load_results(small_experiment))
    files = ExperimentFiles(small_experiment)
    files.schema.write_text("{}")  # without digests
    run = files.begun_runs()[0].name
    objects: dict[str, Any] = {f"{run}/norm": np.array([RunsCode(proof)], dtype=object)}
    np.savez(files.arrays(name), **objects)
    with pytest.raises(DamagedFileError):
        Archive(files).probe(run, name)
    with pytest.raises(DamagedFileError):
        read_arrays(files.arrays(name))
    assert not proof.exists()
    np.load(files.arrays(name), allow_pickle=True)[f"{run}/norm"]
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
