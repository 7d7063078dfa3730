"""Runs logged to W&B: a W&B that fails changes no number and delays little, and killed sweeps have each step once."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rnnbench.schema import ExperimentFiles
from tests.faults.sweeps import LONGEST_S, SMALL, Sweep
from tests.wandb_logging.wandb_server import WandbServer, serving

pytestmark = pytest.mark.faults
STEPS = ("train.steps=200", "train.eval_every=10", "train.stop_when_solved=false", "train.checkpoint_every_s=0")
ONE = (*(setting for setting in SMALL if not setting.startswith(("wandb=", "train."))), *STEPS,
       "train.eval_examples=8", "train.batch_size=3", "cell=rnn")  # fmt: skip
MOST_S = 15.0
KILLS = 6


def start(folder: Path, server: WandbServer, *arguments: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "rnnbench", *ONE, *arguments],
        cwd=folder,
        env=os.environ | server.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def numbers(folder: Path) -> tuple[dict[str, Any], str]:
    """The results of the one run, and its history."""
    (run,) = ExperimentFiles(folder / "results" / "default").begun_runs()
    summary = json.loads(run.summary.read_text())
    kept = {name: summary[name] for name in ("status", "test_loss", "validation_loss", "steps_trained", "run")}
    rows = list(csv.DictReader(run.history.read_text().splitlines()))
    return kept, str([(row["step"], row["train_loss"], row["validation_loss"]) for row in rows])


@pytest.mark.parametrize("operation", ["RunResumeStatus", "file_stream", "complete"])
@pytest.mark.parametrize("behaviour", ["hang", 500, 401])
def test_a_server_that_fails_changes_no_number(tmp_path: Path, behaviour: str | int, operation: str) -> None:
    """From the start, from the first rows on, and at the end."""
    with serving() as server:
        taken = {}
        for name in ("disabled", "online"):
            if name == "online":
                server.behaviour_of[operation] = behaviour
            started = time.monotonic()
            process = start(tmp_path / name, server, f"wandb={name}")
            output = process.communicate(timeout=LONGEST_S)[0]
            taken[name] = time.monotonic() - started
            assert process.returncode == 0, output
            assert output.count("W&B fails") == (name == "online"), output
            assert "Traceback" not in output
        assert numbers(tmp_path / "disabled") == numbers(tmp_path / "online")
        print(f"{behaviour} at {operation}: {taken['online'] - taken['disabled']:.1f} s more")
        assert taken["online"] < MOST_S + 2 * taken["disabled"]  # on a loaded machine all else is slower too


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("operation", ["RunResumeStatus", "file_stream"])
def test_a_signal_while_wandb_hangs(tmp_path: Path, number: signal.Signals, operation: str) -> None:
    with serving() as server:
        server.behaviour_of[operation] = "hang"
        process = start(tmp_path / "run", server, "wandb=online", "wandb.init_timeout_s=10")
        server.wait_for(lambda seen: operation in seen.operations)
        process.send_signal(number)
        started = time.monotonic()
        output = process.communicate(timeout=LONGEST_S)[0]
        print(f"ended after {time.monotonic() - started:.1f} s")
        assert process.returncode in (128 + number, 0)  # 0: it was at its end
        assert time.monotonic() - started < 8
        assert "Traceback" not in output


def killed_session(sweep: Sweep, after_s: float) -> bool:
    """Launch the sweep and kill its session, in which W&B's process has a group of its own; False if it had ended."""
    launch = sweep.start()
    if launch.ends_within(after_s):
        return False
    launch.signal(signal.SIGKILL)
    launch.process.join()
    return True


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_killed_and_resumed_sweep_on_wandb(tmp_path: Path, mode: str) -> None:
    moments = random.Random(1)
    with serving() as server:
        sweep = Sweep(tmp_path / "sweep", ("-m", *ONE[:-1], "cell=rnn,gru", f"wandb={mode}"), server.environment)
        killed = sum(killed_session(sweep, moments.uniform(1, 12)) for _ in range(KILLS))
        last = sweep.run()
        assert last.process.exitcode == 0, last.errors
        program = "from rnnbench.cli.sync import main; main()"
        synced = subprocess.run(
            [sys.executable, "-c", program, "name=default"],
            cwd=sweep.folder,
            env=os.environ | server.environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
        )
        assert synced.returncode == 0, synced.stdout + synced.stderr
        runs = ExperimentFiles(sweep.folder / "results" / "default").begun_runs()
        rows, lost, twice, wrong = 0, 0, 0, 0
        assert len(server.runs) == len(runs) == 2
        for run in runs:
            recorded = list(csv.DictReader(run.history.read_text().splitlines()))
            (logged,) = [each for each in server.runs.values() if each.fields["displayName"] == run.name]
            times = Counter(logged.steps)
            rows += len(logged.steps)
            lost += len({int(row["step"]) for row in recorded} - set(times))
            twice += sum(count - 1 for count in times.values())
            losses = {row["_step"]: row.get("validation/loss") for row in logged.history}
            wrong += sum(
                row["validation_loss"] != "" and losses.get(int(row["step"])) != float(row["validation_loss"])
                for row in recorded
            )
            assert logged.state == "finished"
        said = synced.stdout.splitlines()[-1]
        print(f"{mode}, {killed} kills: {rows} rows of 2 runs, {lost} lost, {twice} twice, {wrong} wrong; sync: {said}")
        assert (lost, twice, wrong) == (0, 0, 0)
