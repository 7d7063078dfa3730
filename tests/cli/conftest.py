"""The console commands in this process."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from rnnbench.cli import explain, main, report
from rnnbench.cli.sweeper import swept_jobs

Command = Callable[..., tuple[int, str, str]]

SMALL = (
    "model.hidden_size=4",
    "train.steps=4",
    "train.eval_every=2",
    "train.eval_examples=8",
    "train.batch_size=3",
    "wandb=disabled",
)
"""Settings for a run within a second; the task is to be made short besides."""


def sweep_of(config: DictConfig) -> list[list[str]]:
    """The jobs of a configuration composed for a sweep, Hydra's own part included."""
    sweeper = config.hydra.sweeper
    return swept_jobs(sweeper.get("params") or {}, sweeper.get("products") or {}, config.hydra.overrides.task)


def in_this_process(
    module: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Run a command with ARGUMENTS in an empty folder; returns exit code, standard output and standard error.

    With worker processes it runs in a process of its own, as for a user: workers inherit what other tests have done to
    this one.
    """
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        if "hydra/launcher=parallel" in arguments:
            ended = subprocess.run([sys.executable, "-m", "rnnbench", *arguments], capture_output=True, text=True)
            return ended.returncode, ended.stdout, ended.stderr
        monkeypatch.setattr("sys.argv", ["rnnbench", *arguments])
        capfd.readouterr()
        try:
            module()
            code = 0
        except SystemExit as ended_with:
            code = int(ended_with.code or 0)
        return code, *capfd.readouterr()

    return run


@pytest.fixture
def rnnbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    return in_this_process(main.main, tmp_path, monkeypatch, capfd)


@pytest.fixture
def rnnbench_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    return in_this_process(report.main, tmp_path, monkeypatch, capfd)


@pytest.fixture
def rnnbench_explain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    return in_this_process(explain.main, tmp_path, monkeypatch, capfd)
