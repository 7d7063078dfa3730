"""Each signal at 20 random moments of a run: it stops within seconds, and goes on to the same numbers."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from rnnbench.interruption import SIGNALS, Interrupted
from tests.faults.sweeps import Account

pytestmark = pytest.mark.faults

MOMENTS = 20
LONGEST_S = 10
"""From the signal to the end of the process; a loaded machine included."""

COMMAND = [
    sys.executable, "-m", "rnnbench", "wandb=disabled", "task.length=30", "model.hidden_size=8", "model.backend=eager",
    "train.batch_size=5", "train.eval_every=5", "train.eval_examples=500", "train.steps=120",
    "train.stop_when_solved=false", "train.checkpoint_every_s=1000",
]  # fmt: skip


def launch(folder: Path, stop: signal.Signals | None = None, after_s: float = 0) -> tuple[int, str, float | None]:
    """The exit code, what was told, and the seconds from the signal to the end; None where it ended before."""
    sent = None
    with subprocess.Popen(COMMAND, cwd=folder, stderr=subprocess.PIPE, text=True) as started:
        if stop is not None:
            try:
                started.wait(after_s)
            except subprocess.TimeoutExpired:
                sent = time.monotonic()
                started.send_signal(stop)
        _, errors = started.communicate()
        return started.returncode, errors, None if sent is None else time.monotonic() - sent


def numbers(folder: Path) -> dict[str, bytes]:
    """The history and the probes' arrays of the folder's only run."""
    (run,) = folder.glob("results/default/runs/[!.]*")
    return {path.name: path.read_bytes() for path in (*run.glob("history.csv"), *run.glob("*.npz"))}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], float]:
    """The numbers of a run that nothing disturbs, and the seconds that it takes."""
    folder, started = tmp_path_factory.mktemp("undisturbed"), time.monotonic()
    assert launch(folder)[0] == 0
    return numbers(folder), time.monotonic() - started


@pytest.mark.parametrize("name", [each.name for each in SIGNALS])
def test_a_run_that_is_stopped_at_random_moments(
    undisturbed: tuple[dict[str, bytes], float], tmp_path: Path, name: str
) -> None:
    """The run goes on after each signal; once it is done, the next signals meet another."""
    stop, chosen, (expected, lasts) = signal.Signals[name], random.Random(name), undisturbed
    codes: Counter[int] = Counter()
    folders, training, waited, mixed = [tmp_path / "0"], 0, [], []
    number = 0
    while number <= MOMENTS:
        folders[-1].mkdir(exist_ok=True)
        # What Python itself loads comes before any handler. The last launch comes to its end.
        after_s = chosen.uniform(0.25, 1) * lasts
        code, errors, seconds = launch(folders[-1], stop if number < MOMENTS else None, after_s)
        assert code in ((0, 128 + stop) if number < MOMENTS else (0,)), errors
        assert "Traceback" not in errors
        if seconds is None and number < MOMENTS:
            lasts *= 0.8  # it ended before it was to be stopped: the machine has become faster
        else:
            number += 1
            codes[code] += number <= MOMENTS
        if code:
            assert seconds is not None
            assert "stopped by" in errors.splitlines()[-1]
            training += f"stopped by {Interrupted(stop)} at step " in errors
            waited.append(seconds)
        else:
            if numbers(folders[-1]) != expected:
                mixed.append(folders[-1].name)
            folders.append(tmp_path / str(len(folders)))
    waited.sort()
    print(
        f"\n{name}: exit codes {dict(codes)}, {training} of them while training; to the exit median "
        f"{waited[len(waited) // 2]:.2f} s, longest {waited[-1]:.2f} s"
    )
    done = len(folders) - 1
    Account(done, done, [], [], mixed).told(name, MOMENTS)
    assert training
    assert waited[-1] < LONGEST_S
