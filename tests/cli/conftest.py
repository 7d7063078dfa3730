"""The console commands in this process."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rnnbench.cli import explain, main, report

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


@pytest.fixture
def rnnbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `rnnbench ARGUMENTS` in an empty folder; returns exit code, standard output and standard error.

    With worker processes it runs in a process of its own, as for a user: workers inherit what other tests have done to
    this one.
    """
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        if "hydra/launcher=parallel" in arguments:
            ended = subprocess.run([sys.executable, "-m", "rnnbench", *arguments], capture_output=True, text=True)
            return ended.returncode, ended.stdout, ended.stderr
        return _called(main.main, "rnnbench", arguments, monkeypatch, capfd)

    return run


@pytest.fixture
def rnnbench_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `rnnbench-report ARGUMENTS` likewise."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        return _called(report.main, "rnnbench-report", arguments, monkeypatch, capfd)

    return run


@pytest.fixture
def rnnbench_explain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `rnnbench-explain ARGUMENTS` likewise."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        return _called(explain.main, "rnnbench-explain", arguments, monkeypatch, capfd)

    return run


def _called(
    command: Callable[[], None],
    name: str,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", [name, *arguments])
    capfd.readouterr()
    try:
        command()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    output, errors = capfd.readouterr()
    return code, output, errors
