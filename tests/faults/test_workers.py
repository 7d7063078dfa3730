"""What becomes of a sweep whose workers, or whose launching process, are killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import SMALL

pytestmark = pytest.mark.faults
LONG = (*SMALL, "task.length=5", "train.steps=4000", "train.eval_every=1000", "train.stop_when_solved=false")
PATIENCE_S = 240


def started(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """`rnnbench` with these arguments in a process of its own, in a folder."""
    command = [sys.executable, "-m", "rnnbench", "-m", *LONG, "probe=[costs]", "train.checkpoint_every_s=1", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something that other processes do."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def training(folder: Path) -> list[int]:
    """The jobs whose run has begun to train."""
    texts = {path: path.read_text() for path in folder.glob("results/*/launches/*/*.progress")}
    return [int(path.stem.partition("-")[2]) for path, text in texts.items() if text.endswith(" 4000")]


def workers_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """The worker processes on this machine."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "popen_loky_posix" in " ".join(child.cmdline())]


def test_a_killed_worker_is_one_lost_job_and_the_same_command_does_it(tmp_path: Path) -> None:
    sweep = ("hydra/launcher=parallel", "hydra.launcher.n_jobs=2", "seed=0,1,2")
    process = started(tmp_path, *sweep)
    wait_until(lambda: len(training(tmp_path)) == 2)
    workers_of(process)[0].kill()
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, output) == (1, "3 runs: 1 lost, 2 done\n"), errors
    assert "lost (its process was killed: SIGKILL(-9))" in errors
    assert "Traceback" not in errors
    assert "Warning" not in errors
    process = started(tmp_path, *sweep)
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, output) == (0, "3 runs: 2 done before, 1 done\n"), errors


def test_workers_end_soon_after_the_launching_process_is_killed(tmp_path: Path) -> None:
    process = started(
        tmp_path, "hydra/launcher=parallel", "hydra.launcher.n_jobs=2", "seed=0,1,2,3", "train.steps=4000"
    )
    wait_until(lambda: len(training(tmp_path)) == 2)
    workers = workers_of(process)
    os.kill(process.pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert len(workers) == 2
    assert psutil.wait_procs(workers, timeout=30)[1] == []
    assert "Traceback" not in errors
    assert "resource_tracker" not in errors
    assert len(list(tmp_path.glob("results/default/launches/*/job-*.json"))) < 4
