"""Whatever a results folder from elsewhere holds, reading it runs nothing."""

import gzip
import json
import pickle
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnbench.analysis.archive import load_results, write_archive
from rnnbench.cli.launches import read_outcomes
from rnnbench.errors import SettingError
from rnnbench.recorders import RunFolder
from rnnbench.report import write_report
from rnnbench.report.tables.comparison import Comparison
from rnnbench.runs.trained_model import load_model
from rnnbench.schema import ExperimentFiles, RunFiles, settings_hash
from rnnbench.store.atomic import DamagedFileError
from rnnbench.store.reader import digests, read_plan, read_run


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


def as_gzip(path: Path, proof: Path) -> None:
    path.write_bytes(gzip.compress(pickle.dumps(RunsCode(proof))))


WAYS = {each.__name__: each for each in (as_pickle, as_array, as_npy, as_gzip)}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_is_read_runs_code(small_experiment: Path, tmp_path: Path, way: str) -> None:
    proof = tmp_path / "ran"
    write_archive(load_results(small_experiment))
    files = ExperimentFiles(small_experiment)
    run = RunFolder(files.begun_runs()[0].folder)
    run.files.checkpoint.write_bytes(b"")
    (launch,) = files.launches()
    places = [
        run.files.summary, run.files.config, run.files.history, run.files.arrays("gradient_profile"),
        run.files.checkpoint, run.files.lock, launch.plan, launch.outcome(0), files.runs_table,
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
        for read in (run.summary, run.load_checkpoint, lambda: read_plan(launch.plan)):
            with suppress(DamagedFileError):
                read()
        read_outcomes(launch.folder)
        assert not proof.exists(), path
        path.unlink(missing_ok=True) if whole is None else path.write_bytes(whole)


@pytest.mark.parametrize(("way", "load"), [
    ("as_pickle", lambda path: pickle.loads(path.read_bytes())),
    ("as_npy", lambda path: np.load(path, allow_pickle=True)),
    ("as_array", lambda path: np.load(path, allow_pickle=True)["norm"]),
    ("as_gzip", lambda path: pickle.loads(gzip.decompress(path.read_bytes()))),
])  # fmt: skip
def test_it_would_run_if_it_were_unpickled(tmp_path: Path, way: str, load: Any) -> None:
    WAYS[way](tmp_path / "file.npz", tmp_path / "ran")
    load(tmp_path / "file.npz")
    assert (tmp_path / "ran").exists()


def as_named(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A run's folder with other settings, whose name and digests are those of an undamaged one."""
    files = RunFiles(folder)
    config, summary = json.loads(files.config.read_text()), json.loads(files.summary.read_text())
    change(config)
    name = f"{folder.name.rpartition('-')[0]}-{settings_hash(config)}"
    files.config.write_text(json.dumps(config))
    summary["run"] = name
    files.summary.write_text(json.dumps({**summary, "files": digests(files, summary)}))
    return folder.rename(folder.with_name(name))


@pytest.mark.parametrize("target", [
    "evil.Evil", "small.evil.Evil", "os.system", "subprocess.Popen", "shutil.rmtree", "rnnbench.cli.main.command",
    "rnnbench.timing.__main__.main", "rnnbench.cells.cell.torch", "rnnbench", "", None, ["os.system"],
])  # fmt: skip
def test_what_a_stored_configuration_names_is_neither_imported_nor_called(
    small_experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Any
) -> None:
    proof = tmp_path / "ran"
    for place in (tmp_path, small_experiment):
        (place / "evil.py").write_text(f"import pathlib\npathlib.Path({str(proof)!r}).touch()\nclass Evil: pass\n")
        monkeypatch.syspath_prepend(str(place))
    run = ExperimentFiles(small_experiment).begun_runs()[0]
    torch.save({"weights": {"last": {}}, "input_size": 2, "output_size": 1, "selection": "last"}, run.weights)
    node = {"_target_": target, "command": f"touch {proof}"}
    model = {"hidden_size": 8, "layers": 1, "backend": "eager"}
    wanted = {"cell": node, "probes": {"mine": node}, "task": node, "model": model, "threads": 1}
    folder = as_named(run.folder, lambda config: config.update(wanted))
    assert read_run(RunFiles(folder)).config["cell"] == node
    with pytest.raises(SettingError, match=r"is no cell of rnnbench|cannot be imported") as error:
        load_model(folder)
    assert "\n" not in str(error.value)
    write_report(load_results(small_experiment), {}, {}, [])
    assert not proof.exists()


CRAFTED = {
    "an empty line": b"step,validation_loss\n0,1.0\n\n",
    "an empty line between": b"step,validation_loss\n\n0,1.0\n",
    "bytes": b"step,validation_loss\n0,\xff\n",
    "a quote": b'step,validation_loss\n0,"1.0\n',
    "a column twice": b"step,step\n0,0\n",
    "no header": b"\n",
    "other line ends": b"step,validation_loss\r0,1.0\r",
    "a step that is none": b"step,validation_loss\n0x,1.0\n",
}


@pytest.mark.parametrize("content", CRAFTED.values(), ids=CRAFTED)
def test_a_crafted_history_is_named_and_its_run_left_out(small_experiment: Path, content: bytes) -> None:
    run = ExperimentFiles(small_experiment).begun_runs()[0]
    run.history.write_bytes(content)
    folder = as_named(run.folder, lambda config: None)
    results = load_results(small_experiment)
    assert list(results.damaged) == [folder.name]
    assert results.damaged[folder.name].startswith("history.csv ")
    assert len(results.runs) == 4
    results.histories()


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


def test_any_bit_of_the_condensed_arrays_counts(small_experiment: Path) -> None:
    """Those of the names in the archive too, which no checksum of its own covers."""
    results = write_archive(load_results(small_experiment))
    path = ExperimentFiles(small_experiment).arrays("gradient_profile")
    whole = path.read_bytes()
    for place in range(len(whole) - 400, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        archive = replace(results.source, opened={})  # type: ignore[type-var]
        with pytest.raises(DamagedFileError, match=r"gradient_profile\.npz: is not as a report wrote it"):
            archive.probe(results.runs["run"][0], "gradient_profile")


def test_any_bit_of_a_summary_counts(small_experiment: Path) -> None:
    """Those of the digests too."""
    run = ExperimentFiles(small_experiment).begun_runs()[0]
    folder = as_named(run.folder, lambda config: None)
    files = RunFiles(folder)
    content, whole = json.loads(files.summary.read_text()), read_run(files)
    for place, kept in content["files"].items():
        changed = {**content["files"], place: kept[::-1]}
        files.summary.write_text(json.dumps({**content, "files": changed}))
        with pytest.raises(DamagedFileError, match=r"summary\.json: is not as the run left it"):
            read_run(files)
    files.summary.write_text(json.dumps(content))
    assert read_run(files) == whole
