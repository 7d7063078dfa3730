"""A command that a signal stops ends with a line, a count and an exit code, and resumes when launched again."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import SMALL, Command

SETTINGS = (*SMALL, "task.length=6", "train.steps=40", "train.eval_every=10", "train.stop_when_solved=false",
            "train.checkpoint_every_s=0.1", "probe=[costs,gradient_profile]")  # fmt: skip
SLOW = """
import time
from rnnbench.cells.rnn import Rnn


class Slow(Rnn):
    def step(self, x, state):
        time.sleep(0.002)
        return super().step(x, state)
"""


def slow_cell(folder: Path) -> tuple[str, ...]:
    """The options of a cell that is slow enough to be stopped."""
    (folder / "my" / "cell").mkdir(parents=True)
    (folder / "my" / "slow_cell.py").write_text(SLOW)
    (folder / "my" / "cell" / "slow.yaml").write_text("_target_: slow_cell.Slow\n")
    return ("--config-dir", str(folder / "my"), "cell=slow", "model.backend=eager")


def test_a_stopped_sweep_is_counted_and_resumes(rnnbench: Command, tmp_path: Path) -> None:
    arguments = ["-m", *slow_cell(tmp_path), *SETTINGS, "seed=0,1,2"]
    command = [sys.executable, "-m", "rnnbench", *arguments]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        while not list(tmp_path.glob("results/default/runs/slow-adding-1-*/checkpoint.pt")):
            assert started.poll() is None
            signal.sigtimedwait([], 0.05)
        started.send_signal(signal.SIGTERM)
        output, errors = started.communicate(timeout=300)
    assert started.returncode == 128 + signal.SIGTERM
    assert output == "3 runs: 1 done, 1 stopped, 1 not run\n"
    (stopped,) = (line for line in errors.splitlines() if line.startswith("[2/3] slow-adding-1-"))
    assert ": stopped at step " in stopped
    expected = "rnnbench: stopped by SIGTERM; launched again, it resumes from its checkpoints"
    assert errors.splitlines()[-1] == expected
    (folder,) = tmp_path.glob("results/default/runs/slow-adding-1-*")
    assert json.loads((folder / "summary.json").read_text())["status"] == "running"
    code, output, _ = rnnbench(*arguments)
    assert (code, output) == (0, "3 runs: 1 done before, 2 done\n")
    assert rnnbench(*arguments[:-1], "seed=1", "name=undisturbed")[0] == 0
    (undisturbed,) = tmp_path.glob("results/undisturbed/runs/*/history.csv")
    assert (folder / "history.csv").read_bytes() == undisturbed.read_bytes()


def test_a_signal_during_the_imports(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "rnnbench"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as started:
        assert started.stderr is not None
        while "numpy" not in started.stderr.readline():
            pass
        started.send_signal(signal.SIGHUP)
        *_, last = started.stderr.read().splitlines()
    assert started.returncode == 128 + signal.SIGHUP
    assert last == "rnnbench: stopped by SIGHUP; launched again, it resumes from its checkpoints"
    assert list(tmp_path.iterdir()) == []
