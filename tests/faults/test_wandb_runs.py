"""A sweep logged to W&B whose launches are killed: on the server each run is one, with each step once.

The kills are of the whole process group, W&B's process included, while runs train and while W&B is told of them.
"""

import csv
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from rnnbench.schema import ExperimentFiles
from tests.faults.sweeps import LONGEST_S, SMALL, Sweep
from tests.wandb_logging.wandb_server import WandbServer, serving

STEPS = ("train.steps=200", "train.eval_every=10", "train.stop_when_solved=false")
TWO = ("-m", *(setting for setting in SMALL if not setting.startswith(("wandb=", "train."))), *STEPS,
       "train.eval_examples=8", "train.batch_size=3", "train.checkpoint_every_s=0", "cell=rnn,gru")  # fmt: skip
KILLS = 6


def killed_session(sweep: Sweep, after_s: float) -> bool:
    """Launch the sweep and kill its session, in which W&B's process has a group of its own; False if it had ended."""
    launch = sweep.start()
    if launch.ends_within(after_s):
        return False
    listed = subprocess.run(["ps", "-o", "pid=", "-s", str(launch.pid)], capture_output=True, text=True).stdout
    for process in [launch.pid, *map(int, listed.split())]:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
    launch.process.join()
    return True


def synced(sweep: Sweep, server: WandbServer) -> str:
    program = "from rnnbench.cli.sync import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "name=default"],
        cwd=sweep.folder,
        env=os.environ | server.environment,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.faults
@pytest.mark.parametrize("chance", range(3))
@pytest.mark.parametrize("mode", ["online", "offline"])
def test_killed_and_resumed_sweep_on_wandb(tmp_path: Path, mode: str, chance: int) -> None:
    moments = random.Random(chance)
    with serving() as server:
        sweep = Sweep(tmp_path / "sweep", (*TWO, f"wandb={mode}"), server.environment)
        killed = sum(killed_session(sweep, moments.uniform(1, 12)) for _ in range(KILLS))
        last = sweep.run()
        assert last.process.exitcode == 0, last.errors
        said = synced(sweep, server)
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
        print(
            f"\n{mode}, {killed} kills: {rows} rows of 2 runs, {lost} lost, {twice} twice, {wrong} wrong; sync: {said}"
        )
        assert (lost, twice, wrong) == (0, 0, 0)
