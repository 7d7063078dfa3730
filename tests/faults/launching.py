"""Sweeps of long runs in processes of their own, whose workers are killed while they train."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from tests.cli.conftest import SMALL

LONG = (*SMALL, "task.length=5", "train.eval_every=1000", "train.stop_when_solved=false", "probe=[costs]")
PATIENCE_S = 300


class Launch:
    """A launching process."""

    def __init__(self, folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "rnnbench", "-m", *LONG, "train.checkpoint_every_s=1", *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: exit code, standard output and standard error."""
        output, errors = self.process.communicate(timeout=PATIENCE_S)
        print(output, errors)
        assert "Traceback" not in errors
        return self.process.returncode, output, errors

    def training(self) -> set[int]:
        """The jobs whose run has trained for some steps and has not ended."""
        texts = {path: path.read_text() for path in self.folder.glob("results/*/launches/*/*.progress")}
        begun = [path for path, text in texts.items() if re.match(r"\d+ [1-9]\d* ", text)]
        return {int(path.stem.partition("-")[2]) for path in begun if not path.with_suffix(".json").exists()}


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something that other processes do."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def killed_with_children(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and those that it has started."""
    if process.poll() is None:
        own = psutil.Process(process.pid)
        for each in [own, *own.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
    process.wait()
