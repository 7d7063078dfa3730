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

from tests.cli.conftest import SMALL, Command
from tests.wandb_logging.wandb_server import WandbServer, serving

PATIENCE_S = 300


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with serving() as running:
        yield running


def called(server: WandbServer, module: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"from rnnbench.cli.{module} import main; main()", *arguments]
    environment = os.environ | server.environment | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)


def test_finished_runs_are_uploaded_once_and_others_named(
    rnnbench: Command, server: WandbServer, tmp_path: Path
) -> None:
    code, _, _ = rnnbench("-m", "cell=gru,lstm,rnn", "task.length=3", "name=mine", *SMALL)
    assert code == 0
    damaged, running, intact = sorted((tmp_path / "results/mine/runs").glob("[!.]*"))
    (damaged / "history.csv").write_text("step\n")
    summary: dict[str, Any] = json.loads((running / "summary.json").read_text())
    (running / "summary.json").write_text(json.dumps(summary | {"status": "running", "files": {}}))
    for name in ("history.csv", "gradient_profile.npz"):  # what a killed run leaves has no digests
        assert (running / name).exists()
    (tmp_path / "results/mine/report.html").write_text("the report")
    first = called(server, "sync", "name=mine")
    assert first.returncode == 1
    assert f"{damaged.name}: skipped (history.csv is not as the run left it)" in first.stdout
    assert f"{running.name}: skipped (it has not ended)" in first.stdout
    assert f"{intact.name}: uploaded" in first.stdout
    assert first.stdout.splitlines()[-1] == "3 runs: 2 skipped, 1 uploaded"
    (run,) = [run for run in server.runs.values() if run.config.get("cell_name") == "rnn"]
    assert run.steps == [0, 1, 2, 4]
    assert run.state == "finished"
    assert run.fields["groupName"] == "mine"
    assert {"train/loss", "validation/loss", "gradient/norm", "profile/norm_0_steps_back"} <= set(run.history[-1])
    results = [artifact for artifact in server.artifacts if artifact["type"] == "results"]
    assert [artifact["name"] for artifact in results] == ["mine-results"]
    assert "report.html" in results[0]["files"]
    again = called(server, "sync", "name=mine")
    assert f"{intact.name}: there already" in again.stdout
    address = (intact / "wandb-address.txt").read_text().strip()
    assert address.startswith(f"{server.url}/me/rnnbench/runs/mine-{intact.name}")
    assert not (damaged / "wandb-address.txt").exists()


def test_a_server_that_refuses_ends_it(rnnbench: Command, server: WandbServer, tmp_path: Path) -> None:
    rnnbench("-m", "cell=gru,lstm", "task.length=3", "name=mine", *SMALL)
    server.behaviour = 401
    refused = called(server, "sync", "name=mine", "wandb.init_timeout_s=3")
    assert refused.returncode == 1
    assert refused.stdout.splitlines()[-1] == "2 runs: 1 failed, 1 not tried"
    assert "Traceback" not in refused.stderr


def test_ctrl_c_ends_it_in_one_line(rnnbench: Command, server: WandbServer) -> None:
    rnnbench("cell=gru", "task.length=3", "name=mine", *SMALL)
    server.behaviour = "hang"
    program = "from rnnbench.cli.sync import main; main()"
    command = [sys.executable, "-c", program, "name=mine"]
    process = subprocess.Popen(command, env=os.environ | server.environment, stderr=subprocess.PIPE, text=True)
    server.wait_for(lambda seen: seen.operations, PATIENCE_S)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=PATIENCE_S)[1]
    assert errors.splitlines()[-1] == "rnnbench-sync: stopped by Ctrl-C; run again, it sends what is missing"
    assert "Traceback" not in errors
    assert process.returncode == 130


def test_a_dashboard(rnnbench: Command, server: WandbServer) -> None:
    saved = called(server, "dashboard", "name=mine", "tuned=optimizer.lr")
    assert saved.returncode == 0, saved.stderr
    assert saved.stdout.startswith(f"{server.url}/me/rnnbench?nw=")
    (view,) = server.views
    assert (view["entityName"], view["projectName"], view["type"]) == ("me", "rnnbench", "project-view")
    section = view["spec"]["section"]
    panels = {
        (panel["config"].get("chartTitle") or panel["viewType"]): panel["config"]
        for each in section["panelBankConfig"]["sections"]
        for panel in each["panels"]
    }
    losses = panels["Validation loss"]
    assert losses["metrics"] == ["validation/loss"]
    assert losses["yLogScale"]
    assert (losses["groupBy"], losses["groupAgg"], losses["groupArea"]) == ("cell_and_task.value", "mean", "minmax")
    assert panels["Training steps to solve"]["metrics"] == ["steps_to_solve"]
    assert "optimizer.lr" in json.dumps(panels["Tuned settings and what came of them"])
    assert '"mine"' in json.dumps(section["runSets"][0]["filters"])


@pytest.mark.parametrize(("module", "argument"), [("sync", "figure=[cost]"), ("dashboard", "cell=gru")])
def test_what_a_command_would_ignore_is_refused(server: WandbServer, module: str, argument: str) -> None:
    refused = called(server, module, "name=mine", argument)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
