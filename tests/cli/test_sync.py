"""rnnbench-sync and rnnbench-dashboard against a W&B server, with wandb's own client."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import wandb
import yaml
from PIL import Image
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from tests.cli.conftest import SMALL, Command
from tests.wandb_logging.conftest import server
from tests.wandb_logging.wandb_server import WandbServer

__all__ = ["server"]

PATIENCE_S = 300
MINE = ("task.length=3", "name=mine", *SMALL[:-1])
SYNC = "from rnnbench.cli.sync import main; main()"


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
    assert (first.returncode, "Traceback" in first.stderr) == (1, False), first.stderr
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


def test_ctrl_c_ends_in_one_line(rnnbench: Command, server: WandbServer) -> None:
    rnnbench("cell=gru", *MINE, "wandb=offline")
    server.behaviour = "hang"
    command = [sys.executable, "-c", SYNC, "name=mine"]
    process = subprocess.Popen(command, env=os.environ | server.environment, stderr=subprocess.PIPE, text=True)
    server.wait_for(lambda seen: seen.operations, PATIENCE_S)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=PATIENCE_S)[1]
    assert errors.splitlines()[-1] == "rnnbench-sync: stopped by Ctrl-C; run again, it sends what is missing"
    assert process.returncode == 130


def test_a_dashboard(rnnbench: Command, server: WandbServer, tmp_path: Path) -> None:
    """Workspace and report with the same panels, and the figures and tables of the experiment's own report."""
    places = ("name=mine", "results_dir=elsewhere")
    rnnbench("cell=gru", *MINE, places[1], "wandb=disabled")
    figures = tmp_path / "elsewhere/mine/figures"
    figures.mkdir()
    Image.new("RGB", (3, 2)).save(figures / "cost.png")
    (figures.parent / "scores.md").write_text("")
    (figures.parent / "scores.csv").write_text("cell,solved\ngru,0.5\n")
    saved = called(server, "from rnnbench.cli.dashboard import main; main()", *places)
    assert saved.returncode == 0, saved.stderr
    assert [line.startswith(f"{server.url}/me/rnnbench") for line in saved.stdout.splitlines()] == [True, True]
    assert [(view["entityName"], view["projectName"], view["type"]) for view in server.views] == [
        ("me", "rnnbench", "project-view"), ("me", "rnnbench", "runs")
    ]  # fmt: skip
    workspace, report = (view["spec"] for view in server.views)
    bank = [panel for each in workspace["section"]["panelBankConfig"]["sections"] for panel in each["panels"]]
    grids = [each["metadata"] for each in report["blocks"] if each["type"] == "panel-grid"]
    assert [panel["config"] for each in grids for panel in each["panelBankSectionConfig"]["panels"]] == [
        panel["config"] for panel in bank
    ]
    panels = {panel["config"].get("chartTitle"): panel["config"] for panel in bank}
    losses = panels["validation/loss"]
    assert (losses["metrics"], losses["yLogScale"]) == (["validation/loss"], True)
    assert (losses["groupBy"], losses["groupAgg"], losses["groupArea"]) == ("curve.value", "mean", "minmax")
    assert panels["Steps to solve, or budget"]["metrics"] == ["measured/steps_to_solve_or_budget"]
    assert [key for panel in bank for key in panel["config"].get("mediaKeys", [])] == ["figures/cost", "heat_map/norm"]
    for runs in (workspace["section"]["runSets"][0], *(each["runSets"][0] for each in grids)):
        assert '"mine"' in json.dumps(runs["filters"])
    (run,) = server.runs.values()
    assert (run.fields["jobType"], run.fields["groupName"], run.state) == ("report", "mine", "finished")
    assert run.history[0]["figures/cost"]["width"] == 3
    assert (run.history[0]["tables/scores"]["ncols"], run.history[0]["tables/scores"]["nrows"]) == (2, 1)
    server.behaviour = 500
    away = called(server, "from rnnbench.cli.dashboard import main; main()", *places)
    assert (away.returncode, "W&B has not taken the dashboard" in away.stderr) == (1, True)


def test_the_sweep_to_copy(rnnbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line that an agent makes of it trains one run, whose summary has the metric that it minimizes."""
    sweep = yaml.safe_load((Path(__file__).parents[2] / "docs/sweep.yaml").read_text())
    values = {"optimizer.lr": 0.01, "seed": 1}
    assert set(values) == set(sweep["parameters"])
    words = create_sweep_command_args({"args": {key: {"value": value} for key, value in values.items()}})
    command = [word for each in sweep["command"] for word in (words["args_no_hyphens"] if "args" in each else [each])]
    assert command[0] == "rnnbench"
    wandb.teardown()
    monkeypatch.setenv("WANDB_SWEEP_ID", "abc")
    monkeypatch.setenv("WANDB_RUN_ID", "given")
    code, _, errors = rnnbench("-m", "seed=0,1", *MINE, "wandb=offline")
    assert (code, errors.count("\n")) == (2, 1)
    assert "WANDB_SWEEP_ID=abc: an agent of W&B starts one run" in errors
    assert not (tmp_path / "results").exists()
    assert rnnbench(*command[1:], *(word for word in MINE if "name=" not in word), "wandb=offline")[0] == 0
    (run,) = tmp_path.glob("results/lr-search/runs/gru-adding-1-*")
    assert sweep["metric"] == {"name": "validation/loss", "goal": "minimize"}
    (logged,) = run.glob("wandb/offline-run-*-given")
    printed = subprocess.run([sys.executable, "-m", "wandb", "leet", "inspect", "--json", logged], capture_output=True)
    records = [json.loads(line) for line in printed.stdout.splitlines()]
    assert any(sweep["metric"]["name"] in each["summary"]["update"] for each in records if each["type"] == "summary")
    (config,) = (each["run"]["config"]["update"] for each in records if each["type"] == "run")
    assert "lr=0.01" in config["curve"]
