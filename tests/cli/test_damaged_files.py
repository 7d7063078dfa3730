"""A file of a run folder or of a launch, damaged in every way: it is named, and the rest is reported and done."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.conftest import SMALL, Command

SHORT = (*SMALL, "task.length=6", "model.backend=eager", "cell=rnn")
TABLES = ("table=[comparison]", "figure=[]")

WAYS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "other bytes": lambda path: path.write_bytes(b"\x80\x00other" * 20),
    "other values": lambda path: path.write_text(path.read_text().replace("done", "finished").replace('"seed', "[3, ")),
}


@pytest.fixture
def results(tmp_path_factory: pytest.TempPathFactory, rnnbench: Command, tmp_path: Path) -> Path:
    """The folder of an experiment with two runs, which are made once."""
    made = tmp_path_factory.getbasetemp() / "made"
    if not made.exists():
        code, _, errors = rnnbench("-m", *SHORT, "seed=0,1")
        assert code == 0, errors
        shutil.move(tmp_path / "results" / "default", made)
    shutil.copytree(made, tmp_path / "results" / "default")
    return tmp_path / "results" / "default"


def run_folder(results: Path, seed: int) -> Path:
    (folder,) = results.glob(f"runs/rnn-adding-{seed}-*")
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_run_is_named_left_out_and_done_again(
    rnnbench: Command, rnnbench_report: Command, results: Path, way: str
) -> None:
    folder, whole = run_folder(results, 0), run_folder(results, 1).name
    history = (folder / "history.csv").read_bytes()
    WAYS[way](folder / "summary.json")
    code, output, errors = rnnbench_report("name=default", *TABLES)
    assert (code, errors) == (0, "")
    assert f"damaged: {folder.name}: summary.json " in output
    assert "(left out)" in output
    assert pd.read_csv(results / "runs.csv")["run"].tolist() == [whole]

    code, output, errors = rnnbench("-m", *SHORT, "seed=0,1")
    assert (code, output) == (0, "2 runs: 1 done before, 1 done\n"), errors
    assert "summary.json: " in errors
    assert "; the run is done again\n" in errors
    assert "Traceback" not in errors
    assert (folder / "history.csv").read_bytes() == history
    assert "damaged" not in rnnbench_report("name=default", *TABLES)[1]
    assert len(pd.read_csv(results / "runs.csv")) == 2


def test_a_copy_of_a_run_folder_is_not_a_second_run(rnnbench_report: Command, results: Path) -> None:
    folder = run_folder(results, 0)
    shutil.copytree(folder, folder.with_name(f"{folder.name} (copy)"))
    code, output, _ = rnnbench_report("name=default", *TABLES)
    assert (code, f"of the run {folder.name}, of which this folder is a copy" in output) == (0, True)
    assert len(pd.read_csv(results / "runs.csv")) == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["plan.json", "job-0.json"])
def test_a_damaged_launch_is_named_and_its_runs_are_reported(
    rnnbench_report: Command, results: Path, name: str, way: str
) -> None:
    (launch,) = results.glob("launches/*")
    if (name, way) == ("plan.json", "other values"):
        (launch / name).write_text(json.dumps([["seed=0"], 3]))
    else:
        WAYS[way](launch / name)
    code, output, errors = rnnbench_report("name=default", *TABLES)
    assert (code, errors) == (0, "")
    assert len(pd.read_csv(results / "runs.csv")) == 2
    assert f"damaged: launch {launch.name}" in output
    assert f": {name} " in output
