"""What W&B has of a run, read back from its server and, of an offline run, with W&B's own reader."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rnnbench.wandb_logging.settings import TAG_LENGTH, WandbSettings
from tests.wandb_logging.conftest import PROFILE, ROWS, RUN, log_a_run
from tests.wandb_logging.wandb_server import KEY, WandbServer


def killed_session(folder: Path, mode: str, rows: int) -> subprocess.Popen[bytes]:
    """A process that has logged so many rows and now sleeps."""
    program = (
        "import sys, time; from pathlib import Path; from tests.wandb_logging.conftest import *;"
        "record(begin(Path(sys.argv[1]), sys.argv[2]), *ROWS[:int(sys.argv[3])]); print(); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, folder, mode, str(rows)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.parametrize("mode", ["online", pytest.param("offline", marks=pytest.mark.faults)])
@pytest.mark.parametrize("checkpointed", [0, *(pytest.param(each, marks=pytest.mark.faults) for each in (1, 2))])
def test_killed_and_resumed_is_one_run_with_each_step_once(
    tmp_path: Path, server: WandbServer, mode: str, checkpointed: int
) -> None:
    """Killed after rows have arrived, which the checkpoint may hold or not."""
    killed = killed_session(tmp_path / RUN, mode, 3)
    if mode == "online":
        server.wait_for(lambda seen: any(len(run.steps) >= 2 for run in seen.runs.values()))
    killed.kill()
    killed.communicate()
    log_a_run(tmp_path / RUN, "online", past=checkpointed)
    (run,) = server.runs.values()
    assert run.steps == [0, 10, 20]
    assert [row["validation/loss"] for row in run.history] == [0.75, 0.5, 0.25]
    assert run.state == "finished"
    assert (run.summary["test_loss"], run.summary["status"]) == (0.125, "done")
    assert run.summary["validation/loss"] == {"min": 0.25}
    assert len(list((tmp_path / RUN / "wandb").glob("*run-*"))) == 1
    assert (tmp_path / RUN / "wandb-address.txt").read_text().startswith(f"{server.url}/me/")


def test_names_are_within_the_limits_of_wandb(
    tmp_path: Path, server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_TAGS", f"{'t' * 80}, ,b")
    settings = WandbSettings(
        mode=None, project=None, entity=None, group=None, tags=(), notes="a note", init_timeout_s=5
    )
    arguments = settings.arguments("e" * 150, "r" * 200, ("c" * 80, "adding"), "i" * 64)
    log_a_run(tmp_path / RUN, "online", experiment="e" * 150, **{**arguments, "id": None} | {"id": arguments["id"]})
    ((identity, run),) = server.runs.items()
    assert identity == "i" * 64
    assert run.fields["tags"] == ["c" * TAG_LENGTH, "adding", "t" * TAG_LENGTH, "b"]
    assert (run.fields["groupName"], run.fields["displayName"]) == ("e" * 128, "r" * 128)
    assert run.fields["notes"] == "a note"
    assert run.config["experiment"] == "e" * 150
    assert all(len(artifact["name"]) <= 128 and artifact["committed"] for artifact in server.artifacts)


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was logged offline."""
    folder = tmp_path_factory.mktemp("offline") / RUN
    log_a_run(folder)
    return folder


def records(folder: Path) -> list[dict[str, Any]]:
    """The offline run's records, as `wandb leet inspect` prints them."""
    (local,) = folder.glob("wandb/offline-run-*")
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(local)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def test_history_with_its_sections(offline: Path) -> None:
    rows = [each["history"]["item"] for each in records(offline) if each["type"] == "history"]
    assert [row["_step"] for row in rows] == [0, 10, 20]
    assert [row["validation/loss"] for row in rows] == [0.75, 0.5, 0.25]
    assert "train/loss" not in rows[0]  # NaN: nothing was trained
    assert [row["speed/step_time_s"] for row in rows[1:]] == [0.5, 0.5]
    assert not any("parameters" in key or "loss_at" in key for row in rows for key in row)
    for row in rows:
        back = {key: value for key, value in row.items() if key.startswith("profile/")}
        assert back == {f"profile/norm_{lag}_steps_back": PROFILE[0, 5 - lag] for lag in (0, 1, 2, 4)}


def test_the_profile_as_a_table_and_a_chart(offline: Path) -> None:
    (table,) = offline.glob("wandb/offline-run-*/files/media/table/charts/gradient_profile_norm_*.table.json")
    content = json.loads(table.read_text())
    assert content["columns"] == ["step", "layer", "time_step", "norm", "line", "log10"]
    expected = [
        [row["step"], 1, time + 1, value, f"step {row['step']}, layer 1"]
        for row in ROWS
        for time, value in enumerate(PROFILE[0].tolist())
    ]
    assert [row[:5] for row in content["data"]] == expected
    assert all(10 ** row[5] == pytest.approx(row[3]) for row in content["data"])


def test_configuration_group_tags_and_summary(offline: Path) -> None:
    found = records(offline)
    (run,) = [each["run"] for each in found if each["type"] == "run"]
    assert (run["run_group"], set(run["tags"])) == ("experiment", {"gru", "adding"})
    config = run["config"]["update"]
    assert (config["cell_name"], config["task_name"], config["experiment"]) == ("gru", "adding", "experiment")
    assert (config["difficulty"], config["parameter_budget"], config["provenance"]) == (6, 500, {"git_commit": "abc"})
    text = json.dumps([each for each in found if each["type"] == "summary"])
    assert "test_loss" in text
    assert '"cell"' not in text


def test_what_is_written_names_no_machine_user_key_or_program(offline: Path, server: WandbServer) -> None:
    log_a_run(offline.parent / "online", "online")
    (run,) = server.runs.values()
    sent = [json.dumps(run.fields), *(line for lines in run.files.values() for line in lines)]
    written = [path.read_text(errors="replace") for path in offline.parent.rglob("*") if path.is_file()]
    assert [each["run"].get("host", "") for each in records(offline) if each["type"] == "run"] == [""]
    for word in (KEY, sys.executable, str(Path.home()), str(Path(__file__).parents[2])):
        assert not any(word in text for text in (*sent, *written)), word
    for word in (str(offline.parent), *[socket.gethostname()][: len(socket.gethostname()) > 3]):
        assert not any(word in text for text in sent), word


def test_many_runs_leave_nothing_behind(tmp_path: Path) -> None:
    exit_before, threads = sys.exit, len(os.listdir("/proc/self/task")) if Path("/proc").exists() else 0
    started = time.monotonic()
    for number in range(3):
        log_a_run(tmp_path / f"run{number}")
    print(f"{(time.monotonic() - started) / 3:.2f} s each")
    assert sys.exit is exit_before
    assert not subprocess.run(["pgrep", "-P", str(os.getpid()), "wandb-core"], capture_output=True).stdout
    if threads:
        assert len(os.listdir("/proc/self/task")) <= threads + 1


def test_a_run_in_a_linked_folder_removes_nothing_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside" / "wandb"
    outside.mkdir(parents=True)
    (outside / "kept").touch()
    (tmp_path / RUN).symlink_to(tmp_path / "outside")
    log_a_run(tmp_path / RUN)
    assert (outside / "kept").exists()
