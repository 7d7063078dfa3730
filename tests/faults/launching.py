"""Sweeps of long runs in processes of their own, whose workers are killed while they train."""

import csv
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from rnnbench.schema import ExperimentFiles, JobStatus
from rnnbench.store.reader import read_outcome, read_plan, read_run
from tests.cli.conftest import SMALL

LONG = (*SMALL, "task.length=5", "train.eval_every=1000", "train.stop_when_solved=false", "probe=[costs]")
PATIENCE_S = 900


class Tally(NamedTuple):
    """What has become of the runs of a sweep, over all its launches."""

    planned: int
    done: int
    doubled: int
    """Runs that were not planned, that were trained to the end twice, or that recorded a step twice."""


class Launch:
    """A launching process; `within` is a command that executes it."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        environment: dict[str, str] | None = None,
        within: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        command = [*within, sys.executable, "-m", "rnnbench", "-m", *LONG, "train.checkpoint_every_s=1", *arguments]
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

    def tally(self) -> Tally:
        """What has become of the sweep in this folder; printed."""
        files = ExperimentFiles(self.folder / "results" / "default")
        planned = {job.run for job in read_plan(files.launches()[-1].plan)}
        outcomes = [read_outcome(path) for launch in files.launches() for path in launch.outcomes()]
        each = {str(outcome): outcome for outcome in outcomes}.values()  # one may be in two launches
        trained = Counter(outcome.run for outcome in each if outcome.status == JobStatus.DONE)
        runs = {run.name: run for run in files.begun_runs()}
        doubled = {name for name, times in trained.items() if times > 1} | (set(runs) - planned)
        done = 0
        for name, run in runs.items():
            with run.history.open() as history:
                steps = [row["step"] for row in csv.DictReader(history)]
            if len(set(steps)) < len(steps):
                doubled.add(name)
            done += read_run(run).summary["status"] == JobStatus.DONE
        tally = Tally(len(planned), done, len(doubled))
        print(*(f"{number} {what}" for what, number in tally._asdict().items()), sep=", ")
        return tally

    def workers(self) -> list[psutil.Process]:
        """The worker processes of `hydra/launcher=parallel`."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if "popen_loky_posix" in " ".join(child.cmdline())]

    def training(self) -> set[int]:
        """The jobs whose run has trained for some steps and has not ended."""
        texts = {path: path.read_text() for path in self.folder.glob("results/*/launches/*/*.progress")}
        assert self.process.poll() is None, self.errors
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
