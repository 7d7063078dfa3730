"""rnnbench-sync and rnnbench-dashboard against a W&B server, with wandb's own client."""

import json
import os
import shutil
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


def test_runs_are_uploaded_once_past_damaged_ones(rnnbench: Command, server: WandbServer, tmp_path: Path) -> None:
    settings = ("task.length=3", "name=mine", *SMALL[:-1])
    assert rnnbench("-m", "cell=gru,lstm,rnn", "seed=0,1", *settings, "wandb=offline")[0] == 0
    assert rnnbench("cell=mgu", *settings, "wandb=disabled")[0] == 0
    cut, rubbish, damaged, running, disabled, intact, without = sorted((tmp_path / "results/mine/runs").glob("[!.]*"))
    (file,) = cut.glob("wandb/*/*.wandb")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    (file,) = rubbish.glob("wandb/*/*.wandb")
    file.write_bytes(b"rubbish")
    (damaged / "history.csv").write_text("step\n")
    summary: dict[str, Any] = json.loads((running / "summary.json").read_text())
    (running / "summary.json").write_text(json.dumps(summary | {"status": "running", "files": {}}))
    for name in ("history.csv", "gradient_profile.npz"):  # what a killed run leaves has no digests
        assert (running / name).exists()
    shutil.rmtree(without / "wandb")
    first = called(server, "sync", "name=mine", WANDB_SWEEP_ID="s", WANDB_RUN_ID="other", WANDB_RESUME="must")
    said = {line.split(": ")[0].split()[-1]: line for line in first.stdout.splitlines()[:-1]}
    print(first.stdout, first.stderr)
    assert first.returncode == 1
    for run in (cut, rubbish):
        assert ": failed (Failed to " in said[run.name]
    assert "skipped (history.csv is not as the run left it)" in said[damaged.name]
    assert "skipped (it has not ended)" in said[running.name]
    for run in (disabled, without):
        assert "wandb=offline rerun=true" in said[run.name]
    assert said[intact.name].endswith(": uploaded")
    (run,) = [run for run in server.runs.values() if run.fields.get("displayName") == intact.name]
    assert run.steps == [0, 1, 2, 4]
    assert (run.state, run.fields["groupName"], run.summary["status"]) == ("finished", "mine", "done")
    assert {"train/loss", "validation/loss", "gradient/norm", "profile/norm_0_steps_back"} <= set(run.history[-2])
    address = (intact / "wandb-address.txt").read_text().strip()
    assert address.startswith(f"{server.url}/me/rnnbench/runs/mine-{intact.name}")
    assert not (damaged / "wandb-address.txt").exists()
    operations = len(server.operations)
    for run in (cut, rubbish, damaged, disabled, running, without):
        shutil.rmtree(run)
    again = called(server, "sync", "name=mine")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "1 runs: 1 there already")
    assert len(server.operations) == operations


def test_no_module_of_the_working_directory_is_run(rnnbench: Command, server: WandbServer, tmp_path: Path) -> None:
    """As where one is in a results folder that somebody else has filled."""
    rnnbench("cell=gru", "task.length=3", "name=mine", *SMALL[:-1], "wandb=offline")
    for name in ("wandb", "json", "click"):
        (tmp_path / f"{name}.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    program = str(Path(sys.executable).with_name("rnnbench-sync"))
    synced = subprocess.run([program, "name=mine"], env=os.environ | server.environment, capture_output=True, text=True)
    assert (synced.returncode, (tmp_path / "ran").exists()) == (0, False), synced.stdout


@pytest.mark.parametrize(("key", "said"), [("", "No API key configured"), (None, "failed (")])
def test_no_key_or_a_refused_one(rnnbench: Command, server: WandbServer, key: str | None, said: str) -> None:
    rnnbench("cell=gru", "task.length=3", "name=mine", *SMALL[:-1], "wandb=offline")
    server.behaviour = 401
    refused = called(server, "sync", "name=mine", **({} if key is None else {"WANDB_API_KEY": key}))
    assert refused.returncode == 1
    assert said in refused.stdout
    assert refused.stdout.splitlines()[-1] == "1 runs: 1 failed"
    assert "Traceback" not in refused.stderr


def test_ctrl_c_ends_it_in_one_line(rnnbench: Command, server: WandbServer) -> None:
    rnnbench("cell=gru", "task.length=3", "name=mine", *SMALL[:-1], "wandb=offline")
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
    saved = called(server, "dashboard", "name=mine")
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
    assert '"mine"' in json.dumps(section["runSets"][0]["filters"])


@pytest.mark.parametrize(("module", "argument"), [("sync", "figure=[cost]"), ("dashboard", "cell=gru")])
def test_what_a_command_would_ignore_is_refused(server: WandbServer, module: str, argument: str) -> None:
    refused = called(server, module, "name=mine", argument)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("launcher", ["basic", "parallel"])
def test_an_agent_of_wandb_starts_one_run(
    rnnbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, launcher: str
) -> None:
    monkeypatch.setenv("WANDB_SWEEP_ID", "abc")
    monkeypatch.setenv("WANDB_RUN_ID", "given")
    settings = ("name=agent", "task.length=5", *SMALL[:-1], "wandb=offline")
    code, _, errors = rnnbench("-m", f"hydra/launcher={launcher}", "seed=0,1", *settings)
    assert code == 2
    (line,) = errors.splitlines()
    assert "WANDB_SWEEP_ID=abc: an agent of W&B starts one run" in line
    assert not (tmp_path / "results").exists()
    assert rnnbench("seed=0", *settings)[0] == 0
    assert len(list((tmp_path / "results").glob("agent/runs/*/wandb/*-given"))) == 1
    assert rnnbench("-m", "seed=0,1", *settings, "wandb=disabled")[0] == 0
