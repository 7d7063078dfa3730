"""Sweeps of long runs in processes of their own, whose workers are killed while they train."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
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
        self._printed = [folder / f"{kind}-{len(list(folder.iterdir()))}" for kind in ("output", "errors")]
        with ExitStack() as stack:
            output, errors = (stack.enter_context(path.open("w")) for path in self._printed)
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=errors)

    @property
    def errors(self) -> str:
        """Its standard error so far."""
        return self._printed[1].read_text()

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: exit code, standard output and standard error."""
        try:
            code = self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            print(self.errors)
        assert "Traceback" not in self.errors
        return code, self._printed[0].read_text(), self.errors

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
