"""Each signal at 20 random moments of a run: it stops within seconds, and goes on to the same numbers."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnnbench.interruption import SIGNALS

pytestmark = pytest.mark.faults

MOMENTS = 20
LONGEST_S = 10
"""From the signal to the end of the process; a loaded machine included."""

COMMAND = [
    sys.executable, "-m", "rnnbench", "wandb=disabled", "task.length=30", "model.hidden_size=8", "model.backend=eager",
    "train.batch_size=5", "train.eval_every=5", "train.eval_examples=500", "train.steps=120",
    "train.stop_when_solved=false", "train.checkpoint_every_s=1000",
]  # fmt: skip


def launch(folder: Path, stop: signal.Signals | None = None, after_s: float = 0) -> tuple[int, str, float]:
    """The exit code, what was told, and the seconds from the signal to the end."""
    with subprocess.Popen(COMMAND, cwd=folder, stderr=subprocess.PIPE, text=True) as started:
        if stop is not None:
            try:
                started.wait(after_s)
            except subprocess.TimeoutExpired:
                started.send_signal(stop)
        sent = time.monotonic()
        _, errors = started.communicate()
        return started.returncode, errors, time.monotonic() - sent


def numbers(folder: Path) -> dict[str, bytes]:
    """The history and the probes' arrays of the folder's only run."""
    (run,) = folder.glob("results/default/runs/[!.]*")
    return {path.name: path.read_bytes() for path in (*run.glob("history.csv"), *run.glob("*.npz"))}


@pytest.mark.parametrize("name", [each.name for each in SIGNALS])
def test_a_run_that_is_stopped_at_random_moments(tmp_path: Path, name: str) -> None:
    stop, chosen = signal.Signals[name], random.Random(name)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    whole.mkdir()
    stopped.mkdir()
    started = time.monotonic()
    assert launch(whole)[0] == 0
    lasts = time.monotonic() - started
    waited = []
    for _ in range(MOMENTS):
        # What Python itself loads comes before any handler.
        code, errors, seconds = launch(stopped, stop, after_s=chosen.uniform(0.25, 1) * lasts)
        assert code in (0, 128 + stop), errors
        assert "Traceback" not in errors
        if code:
            assert "stopped by" in errors.splitlines()[-1]
            waited.append(seconds)
    assert launch(stopped)[0] == 0
    assert numbers(stopped) == numbers(whole)
    assert waited
    waited.sort()
    print(f"{name}: {len(waited)} stops, median {waited[len(waited) // 2]:.2f} s, longest {waited[-1]:.2f} s")
    assert waited[-1] < LONGEST_S
