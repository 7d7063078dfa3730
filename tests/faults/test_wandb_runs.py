"""Runs logged to W&B: a W&B that fails changes no number and delays little, and killed sweeps have each step once."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from tests.faults.sweeps import LONGEST_S, OF_ALL, Launch, Sweep, wait_until
from tests.wandb_logging.wandb_server import WandbServer, serving

pytestmark = pytest.mark.faults
RUNS = ("-m", *OF_ALL, "train.steps=1000", "train.eval_every=50", "train.stop_when_solved=false",
        "train.checkpoint_every_s=0.2", "probe=[costs]", "cell=rnn")  # fmt: skip
MOST_S = 15.0
KILLS = 6


@pytest.fixture(scope="module")
def without_wandb(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, float]:
    """A run that W&B has no part in, and the seconds that it takes."""
    sweep, started = Sweep(tmp_path_factory.mktemp("without"), RUNS), time.monotonic()
    assert sweep.spawn("wandb=disabled").wait() == 0
    return sweep, time.monotonic() - started


def core_of(launch: Launch) -> psutil.Process:
    """wandb's own process."""
    found: list[psutil.Process] = []

    def look() -> bool:
        children = psutil.Process(launch.process.pid).children(recursive=True)
        found.extend(child for child in children if "wandb-core" in child.name())
        return bool(found)

    wait_until(look)
    return found[0]


def disturb(server: WandbServer, launch: Launch, fault: str, where: str) -> None:
    """Let the fault happen when the run starts, or once the server has had rows of it."""
    if fault == "core killed" and where == "start":
        core_of(launch).kill()
    if where == "middle":
        server.wait_for(lambda seen: "UpsertBucket" in seen.operations)
        if fault == "core killed":
            core_of(launch).kill()
        elif fault == "absent":
            server.stop()
        else:
            server.behaviour = int(fault) if fault.isdecimal() else fault


@pytest.mark.parametrize("where", ["start", "middle"])
@pytest.mark.parametrize("fault", ["absent", "500", "401", "hang", "core killed"])
def test_a_wandb_that_fails_changes_no_number(
    without_wandb: tuple[Sweep, float], tmp_path: Path, fault: str, where: str
) -> None:
    undisturbed, lasts = without_wandb
    with serving() as server:
        sweep = Sweep(tmp_path, RUNS, server.environment)
        if where == "start" and fault == "absent":
            server.stop()
        elif where == "start" and fault != "core killed":
            server.behaviour = int(fault) if fault.isdecimal() else fault
        started = time.monotonic()
        launch = sweep.spawn("wandb=online")
        disturb(server, launch, fault, where)
        assert launch.wait() == 0
        delay = time.monotonic() - started - lasts
        warnings = launch.errors.count("W&B fails")
        print(f"\nW&B {fault} at the {where}: {delay:.1f} s longer, {warnings} line")
        sweep.account(undisturbed).reported(f"W&B {fault} at the {where}")
        assert warnings == 1
        assert delay < MOST_S + lasts  # on a loaded machine all else is slower too


@pytest.mark.parametrize("operation", ["RunResumeStatus", "file_stream"])
def test_a_signal_while_wandb_hangs(tmp_path: Path, operation: str) -> None:
    with serving() as server:
        server.behaviour_of[operation] = "hang"
        launch = Sweep(tmp_path, RUNS, server.environment).spawn("wandb=online", "wandb.init_timeout_s=10")
        server.wait_for(lambda seen: operation in seen.operations)
        launch.signal(signal.SIGINT)
        assert launch.ends_within(8)
        assert launch.wait() in (130, 0)  # 0: it was at its end


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_killed_and_resumed_sweep_on_wandb(without_wandb: tuple[Sweep, float], tmp_path: Path, mode: str) -> None:
    moments = random.Random(1)
    with serving() as server:
        sweep = Sweep(tmp_path / "sweep", (*RUNS, f"wandb={mode}"), server.environment)
        killed = 0
        while killed < KILLS:
            launch = sweep.start("rerun=true") if killed == 0 else sweep.start()
            if not launch.ends_within(moments.uniform(1, 4)):
                launch.signal(signal.SIGKILL)
                launch.process.join()
            killed += 1
        assert sweep.run().exit_code == 0
        program = [sys.executable, "-c", "from rnnbench.cli.sync import main; main()", "name=default"]
        environment = os.environ | server.environment
        subprocess.run(program, cwd=sweep.folder, env=environment, check=True, timeout=LONGEST_S)
        ((run,), (logged,)) = sweep.files.begun_runs(), server.runs.values()
        recorded = list(csv.DictReader(run.history.read_text().splitlines()))
        times = Counter(logged.steps)
        lost = len({int(row["step"]) for row in recorded} - set(times))
        twice = sum(count - 1 for count in times.values())
        losses = {row["_step"]: row.get("validation/loss") for row in logged.history}
        wrong = sum(losses.get(int(row["step"])) != float(row["validation_loss"]) for row in recorded)
        print(f"\n{mode}, {killed} kills: {len(logged.steps)} rows, {lost} lost, {twice} twice, {wrong} wrong")
        assert (lost, twice, wrong, logged.state) == (0, 0, 0, "finished")
        sweep.account(without_wandb[0], again=True).reported(f"{mode} W&B, killed and resumed", KILLS)
