"""Every file of a run folder and of a launch, damaged in every way: named, told what is done about it, and gone on."""

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
    "list": lambda path: path.write_bytes(b"[]"),
    "object": lambda path: path.write_bytes(b"{}"),
    "missing": lambda path: path.unlink(),
    "one byte": lambda path: path.write_bytes(path.read_bytes()[:-9] + b"7" + path.read_bytes()[-8:]),
}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the results of two runs are kept, once they have been made."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def results(made: Path, rnnbench: Command, tmp_path: Path) -> Path:
    """The folder of an experiment with two runs."""
    if not (made / "default").exists():
        code, _, errors = rnnbench("-m", *SHORT, "seed=0,1")
        assert code == 0, errors
        shutil.move(tmp_path / "results" / "default", made / "default")
    shutil.copytree(made / "default", tmp_path / "results" / "default")
    return tmp_path / "results" / "default"


def run_folder(results: Path, seed: int) -> Path:
    (folder,) = results.glob(f"runs/rnn-adding-{seed}-*")
    return folder


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["summary.json"])
def test_report_and_launch_name_a_damaged_file_and_go_on(
    rnnbench: Command, rnnbench_report: Command, results: Path, name: str, way: str
) -> None:
    folder, whole = run_folder(results, 0), run_folder(results, 1).name
    history = (folder / "history.csv").read_bytes()
    if name == "summary.json" and way == "one byte":
        content = json.loads((folder / name).read_text()) | {"status": "finished"}
        (folder / name).write_text(json.dumps(content))
    else:
        WAYS[way](folder / name)

    code, output, errors = rnnbench_report("name=default", *TABLES)
    assert (code, errors) == (0, "")
    assert f"damaged: {folder.name}: {name} " in output
    assert "(left out)" in output
    assert pd.read_csv(results / "runs.csv")["run"].tolist() == [whole]
    assert "Traceback" not in output

    code, output, errors = rnnbench("-m", *SHORT, "seed=0,1")
    assert (code, output) == (0, "2 runs: 1 done before, 1 done\n"), errors
    assert "Traceback" not in errors
    if (name, way) != ("summary.json", "missing"):  # as if it had not begun
        assert f"{name}: " in errors
        assert "; the run is done again\n" in errors
    assert (folder / "history.csv").read_bytes() == history
    _, output, _ = rnnbench_report("name=default", *TABLES)
    assert "damaged" not in output
    assert len(pd.read_csv(results / "runs.csv")) == 2


def test_a_copy_of_a_run_folder_is_not_a_second_run(rnnbench_report: Command, results: Path) -> None:
    folder = run_folder(results, 0)
    copy = folder.with_name(f"{folder.name} (copy)")
    shutil.copytree(folder, copy)
    code, output, _ = rnnbench_report("name=default", *TABLES)
    assert code == 0
    said = f"damaged: {copy.name}: summary.json is of the run {folder.name}, of which this folder is a copy"
    assert said in output
    assert len(pd.read_csv(results / "runs.csv")) == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["plan.json", "job-0.json"])
def test_a_damaged_launch_is_named_and_its_runs_are_reported(
    rnnbench_report: Command, results: Path, name: str, way: str
) -> None:
    (launch,) = results.glob("launches/*")
    if way == "one byte":
        content = '[["seed=0"], 3]' if name == "plan.json" else '{"overrides": [3], "status": "done"}'
        (launch / name).write_text(content)
    else:
        WAYS[way](launch / name)
    code, output, errors = rnnbench_report("name=default", *TABLES)
    assert (code, errors) == (0, "")
    assert len(pd.read_csv(results / "runs.csv")) == 2
    if way == "missing" or (name, way) == ("plan.json", "list"):  # no launch, no outcome, or no jobs
        assert "damaged" not in output
    else:
        assert f"damaged: launch {launch.name}" in output
        assert f": {name} " in output
        assert "missing: " not in output
