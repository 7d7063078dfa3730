"""What W&B has of a run, read back from its server and, of an offline run, with W&B's own reader."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rnnbench.recorders.weights_and_biases import WeightsAndBiases
from rnnbench.wandb_logging import TAG_LENGTH
from tests.wandb_logging.conftest import PROFILE, ROWS, RUN, SUMMARY, begin, log_a_run, record, settings
from tests.wandb_logging.wandb_server import KEY, WandbServer


@pytest.mark.parametrize("fault", ["refused key", "killed"])
def test_a_wandb_that_fails_is_one_line(
    tmp_path: Path, server: WandbServer, capfd: pytest.CaptureFixture[str], fault: str
) -> None:
    started = time.monotonic()
    if fault == "refused key":
        server.behaviour = 401
    recorder = begin(tmp_path / RUN, "online" if fault == "refused key" else "offline")
    record(recorder, ROWS[0])
    if fault == "killed":
        WeightsAndBiases.core.kill()
    record(recorder, *ROWS[1:])
    recorder.finish(SUMMARY)
    log_a_run(tmp_path / "second", "online")
    assert time.monotonic() - started < 15
    assert capfd.readouterr().err.count("W&B fails") == 1
    assert len(list(tmp_path.glob("*/wandb/offline-run-*"))) == 2
    assert not list(tmp_path.glob("*/wandb/run-*"))


def test_names_are_within_the_limits_of_wandb(
    tmp_path: Path, server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_NOTES", "a note")
    tags = ("t" * 80, "b")
    arguments = settings(tags=tags).arguments("e" * 150, "r" * 200, ("c" * 80, "adding"), "i" * 64)
    log_a_run(tmp_path / RUN, "online", experiment="e" * 150, **arguments)
    ((identity, run),) = server.runs.items()
    assert identity == "i" * 64
    assert run.fields["tags"] == ["c" * TAG_LENGTH, "adding", "t" * TAG_LENGTH, "b"]
    assert (run.fields["groupName"], run.fields["displayName"]) == ("e" * 128, "r" * 128)
    assert run.fields["notes"] == "a note"
    assert [each["input"]["artifactTypeName"] for each in server.artifacts] == ["model"]
    assert [settings(system=on).arguments("e")["settings"]["x_disable_stats"] for on in (True, False)] == [False, True]
    assert run.config["experiment"] == "e" * 150
    monkeypatch.setenv("WANDB_TAGS", "paper,draft")
    assert settings().arguments("e")["tags"] == ["paper", "draft"]


def records(folder: Path) -> list[dict[str, Any]]:
    """The offline run's records, as `wandb leet inspect` prints them."""
    (local,) = folder.glob("wandb/offline-run-*")
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(local)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def test_history_configuration_and_summary_of_an_offline_run(tmp_path: Path) -> None:
    log_a_run(tmp_path / RUN)
    found = records(tmp_path / RUN)
    rows = [each["history"]["item"] for each in found if each["type"] == "history"]
    assert [row["_step"] for row in rows] == [0, 10, 20]
    assert [row["validation/loss"] for row in rows] == [0.75, 0.5, 0.25]
    assert "train/loss" not in rows[0]  # NaN: nothing was trained
    for row in rows:
        back = {key: value for key, value in row.items() if key.startswith("profile/")}
        assert back == {f"profile/norm_{lag}_steps_back": PROFILE[0, 5 - lag] for lag in (0, 1, 2, 4)}
    (run,) = [each["run"] for each in found if each["type"] == "run"]
    assert (run["run_group"], set(run["tags"]), run.get("host", "")) == ("experiment", {"gru", "adding"}, "")
    config = run["config"]["update"]
    assert (config["cell_name"], config["task_name"], config["experiment"]) == ("gru", "adding", "experiment")
    assert (config["curve"], config["provenance"]) == ("gru, adding length=6 lr=0.01", {"git_commit": "abc"})
    summary = {
        key: value for each in found if each["type"] == "summary" for key, value in each["summary"]["update"].items()
    }
    results = {"test/loss": 0.125, "measured/solved": 0, "measured/steps_to_solve_or_budget": 20, "status": "done"}
    assert results.items() <= summary.items()
    assert {key for key in summary if "/" not in key and not key.startswith("_")} == {"status"}
    assert rows[-1]["heat_map/norm._type"] == "image-file"
    (file,) = tmp_path.rglob("*.png")
    drawn = np.asarray(Image.open(file).convert("L"))[::80, ::80]
    assert drawn.shape == (3, 6)
    np.testing.assert_allclose(drawn, np.tile(255 * (1 + np.log10(PROFILE / 2) / 6), (3, 1)), atol=1)


def test_what_is_sent_names_no_machine_user_key_or_program(tmp_path: Path, server: WandbServer) -> None:
    log_a_run(tmp_path / RUN, "online")
    (run,) = server.runs.values()
    sent = [json.dumps(run.fields), *(line for lines in run.files.values() for line in lines)]
    written = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    for word in (KEY, sys.executable, str(Path.home()), str(Path(__file__).parents[2])):
        assert not any(word in text for text in (*sent, *written)), word
    for word in (str(tmp_path), *[socket.gethostname()][: len(socket.gethostname()) > 3]):
        assert not any(word in text for text in sent), word
