"""rnnbench-sync and rnnbench-dashboard against a W&B server, with wandb's own client."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb

from tests.cli.conftest import SMALL, Command
from tests.wandb_logging.wandb_server import WandbServer, serving

PATIENCE_S = 300
MINE = ("task.length=3", "name=mine", *SMALL[:-1])
SYNC = "from rnnbench.cli.sync import main; main()"


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with serving() as running:
        yield running


def called(server: WandbServer, program: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    environment = os.environ | server.environment | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)


def test_runs_are_uploaded_once_past_damaged_ones(rnnbench: Command, server: WandbServer, tmp_path: Path) -> None:
    assert rnnbench("-m", "cell=gru,lstm", "seed=0,1", *MINE, "wandb=offline")[0] == 0
    assert rnnbench("cell=mgu", *MINE, "wandb=disabled")[0] == 0
    damaged, running, rubbish, intact, disabled = sorted((tmp_path / "results/mine/runs").glob("[!.]*"))
    (damaged / "history.csv").write_text("step\n")
    summary: dict[str, Any] = json.loads((running / "summary.json").read_text())
    (running / "summary.json").write_text(json.dumps(summary | {"status": "running", "files": {}}))
    (file,) = rubbish.glob("wandb/*/*.wandb")
    file.write_bytes(b"rubbish")
    first = called(server, SYNC, "name=mine", WANDB_SWEEP_ID="s", WANDB_RUN_ID="other", WANDB_RESUME="must")
    said = {line.split(": ")[0].split()[-1]: line for line in first.stdout.splitlines()[:-1]}
    print(first.stdout, first.stderr)
    assert first.returncode == 1
    assert "skipped (history.csv " in said[damaged.name]
    assert "skipped (it has not ended)" in said[running.name]
    assert ": failed (" in said[rubbish.name]
    assert "wandb=offline rerun=true" in said[disabled.name]
    assert said[intact.name].endswith(": uploaded")
    (run,) = [run for run in server.runs.values() if run.fields.get("displayName") == intact.name]
    assert run.steps == [0, 1, 2, 4]
    assert (run.state, run.fields["groupName"], run.summary["status"]) == ("finished", "mine", "done")
    assert {"train/loss", "validation/loss", "gradient/norm", "profile/norm_0_steps_back"} <= set(run.history[-1])
    address = (intact / "wandb-address.txt").read_text().strip()
    assert address.startswith(f"{server.url}/me/rnnbench/runs/mine-{intact.name}")
    operations = len(server.operations)
    again = called(server, SYNC, "name=mine")
    assert f"{intact.name}: there already" in again.stdout
    assert "1 there already" in again.stdout.splitlines()[-1]
    assert len(server.operations) == operations


def test_a_refused_key_and_ctrl_c_end_in_one_line(rnnbench: Command, server: WandbServer) -> None:
    rnnbench("cell=gru", *MINE, "wandb=offline")
    server.behaviour = 401
    refused = called(server, SYNC, "name=mine")
    assert refused.returncode == 1
    assert ": failed (" in refused.stdout
    assert refused.stdout.splitlines()[-1] == "1 runs: 1 failed"
    assert "Traceback" not in refused.stderr
    server.behaviour = "hang"
    server.operations.clear()
    command = [sys.executable, "-c", SYNC, "name=mine"]
    process = subprocess.Popen(command, env=os.environ | server.environment, stderr=subprocess.PIPE, text=True)
    server.wait_for(lambda seen: seen.operations, PATIENCE_S)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=PATIENCE_S)[1]
    assert errors.splitlines()[-1] == "rnnbench-sync: stopped by Ctrl-C; run again, it sends what is missing"
    assert process.returncode == 130


def test_a_dashboard(server: WandbServer) -> None:
    saved = called(server, "from rnnbench.cli.dashboard import main; main()", "name=mine")
    assert saved.returncode == 0, saved.stderr
    assert saved.stdout.startswith(f"{server.url}/me/rnnbench?nw=")
    (view,) = server.views
    assert (view["entityName"], view["projectName"], view["type"]) == ("me", "rnnbench", "project-view")
    section = view["spec"]["section"]
    panels = {
        panel["config"]["chartTitle"]: panel["config"]
        for each in section["panelBankConfig"]["sections"]
        for panel in each["panels"]
    }
    losses = panels["validation/loss"]
    assert (losses["metrics"], losses["yLogScale"]) == (["validation/loss"], True)
    assert (losses["groupBy"], losses["groupAgg"], losses["groupArea"]) == ("cell_and_task.value", "mean", "minmax")
    assert panels["steps_to_solve"]["metrics"] == ["steps_to_solve"]
    assert '"mine"' in json.dumps(section["runSets"][0]["filters"])


def test_an_agent_of_wandb_starts_one_run(rnnbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb.teardown()  # so that wandb reads the variables, as in a process of its own
    monkeypatch.setenv("WANDB_SWEEP_ID", "abc")
    monkeypatch.setenv("WANDB_RUN_ID", "given")
    code, _, errors = rnnbench("-m", "seed=0,1", *MINE, "wandb=offline")
    assert (code, errors.count("\n")) == (2, 1)
    assert "WANDB_SWEEP_ID=abc: an agent of W&B starts one run" in errors
    assert not (tmp_path / "results").exists()
    assert rnnbench("seed=0", *MINE, "wandb=offline")[0] == 0
    assert len(list((tmp_path / "results").glob("mine/runs/*/wandb/*-given"))) == 1
    assert rnnbench("-m", "seed=0,1", *MINE, "wandb=disabled")[0] == 0
