"""What W&B has of a run, read back with W&B's own reader."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rnnbench.wandb_logging.process import WandbProcess
from tests.wandb_logging.logging_a_run import PROFILE, ROWS, begin, log_a_run, record

PATIENCE_S = 120


@pytest.fixture
def wandb_process() -> Iterator[WandbProcess]:
    own = WandbProcess()
    yield own
    own.close()


def wait_until_kept(wandb_process: WandbProcess, run: str) -> None:
    found = next((report for report in wandb_process.reports(PATIENCE_S) if "kept" in report or "lost" in report), None)
    assert found == {"kept": run}


def records(folder: Path) -> list[dict[str, Any]]:
    """The offline run's records, as `wandb leet inspect` prints them."""
    (offline,) = folder.glob("wandb/offline-run-*")
    command = [str(shutil.which("wandb", path=str(Path(sys.executable).parent))), "leet", "inspect", "--json"]
    printed = subprocess.run([*command, str(offline)], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def history(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the history."""
    return [record["history"]["item"] for record in found if record["type"] == "history"]


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was killed after its first row and resumed: what the first session left is gone."""
    folder = tmp_path_factory.mktemp("offline") / "gru-adding-3-00000000"
    killed, resumed = WandbProcess(), WandbProcess()
    try:
        record(begin(killed, folder), ROWS[0])
        next(iter(killed.reports(1)), None)
        killed.close()
        log_a_run(resumed, folder, past=1)
        wait_until_kept(resumed, folder.name)
    finally:
        killed.close()
        resumed.close()
    return folder


def test_each_step_is_there_once_with_its_sections(offline: Path) -> None:
    rows = history(records(offline))
    assert [row["_step"] for row in rows] == [0, 10, 20]
    assert [row["validation/loss"] for row in rows] == [0.75, 0.5, 0.25]
    assert "train/loss" not in rows[0]  # NaN: nothing was trained
    assert [row["train/loss"] for row in rows[1:]] == [0.625, 0.375]
    assert [row["speed/step_time_s"] for row in rows[1:]] == [0.5, 0.5]
    assert not any("parameters" in key or "loss_at" in key for row in rows for key in row)


def test_the_profile_is_logged_as_it_is_measured_and_whole_at_the_end(offline: Path) -> None:
    rows = history(records(offline))
    for row in rows:
        back = {key: value for key, value in row.items() if key.startswith("profile/")}
        assert back == {
            "profile/norm_0_steps_back": PROFILE[0, 5],
            "profile/norm_1_steps_back": PROFILE[0, 4],
            "profile/norm_2_steps_back": PROFILE[0, 3],
            "profile/norm_4_steps_back": PROFILE[0, 1],
        }
    (table,) = offline.glob("wandb/offline-run-*/files/media/table/tables/gradient_profile_norm_*.table.json")
    content = json.loads(table.read_text())
    assert content["columns"] == ["step", "layer", "time_step", "norm"]
    values = PROFILE.ravel().tolist()
    assert content["data"] == [[row["step"], 1, time + 1, value] for row in ROWS for time, value in enumerate(values)]
    assert len(list(offline.glob("wandb/offline-run-*/files/media/table/charts/*.table.json"))) == 1


def test_configuration_group_tags_and_summary(offline: Path) -> None:
    found = records(offline)
    (run,) = [each["run"] for each in found if each["type"] == "run"]
    assert run["run_group"] == "experiment"
    assert set(run["tags"]) == {"gru", "adding"}
    config = run["config"]["update"]
    assert config["cell"] == {"_target_": "rnnbench.cells.gru.Gru"}
    assert (config["cell_name"], config["task_name"], config["experiment"]) == ("gru", "adding", "experiment")
    assert (config["difficulty"], config["parameter_budget"], config["provenance"]) == (6, 500, {"git_commit": "abc"})
    text = json.dumps([each for each in found if each["type"] == "summary"])
    assert "test_loss" in text
    assert '"cell"' not in text


def test_a_process_that_ends_leaves_nothing(tmp_path: Path, wandb_process: WandbProcess) -> None:
    for number in range(2):
        log_a_run(wandb_process, tmp_path / f"run{number}")
        wait_until_kept(wandb_process, f"run{number}")
    temporary = Path(wandb_process.temporary)
    assert temporary.exists()
    wandb_process.close()
    assert not temporary.exists()
    assert wandb_process.process is None
    assert not wandb_process.pending
