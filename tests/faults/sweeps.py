"""Tiny sweeps in processes of their own, and what is left of one after whatever was done to it.

A launch is a fork of a server that has imported everything once, so that one takes a second: a session of its own, with
its own working directory and standard output and error in files. `Sweep.command` gives the same as a command line, for
what has to be a program that starts from nothing.
"""

import importlib
import multiprocessing
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnnbench.schema import MEASURED, PROVENANCE, RUN_COLUMNS, ExperimentFiles, JobStatus
from rnnbench.store.atomic import DamagedFileError
from rnnbench.store.reader import read_outcome, read_run

SMALL = (
    "task.length=6",
    "model.hidden_size=4",
    "model.backend=eager",
    "train.steps=12",
    "train.eval_every=4",
    "train.eval_examples=8",
    "train.batch_size=3",
    "train.checkpoint_every_s=0",
    "wandb=disabled",
)
"""Settings of a run of less than a second, which checkpoints at every step."""

FOUR = ("-m", *SMALL, "cell=rnn,gru", "seed=0,1")
"""A sweep of four runs."""

LONGEST_S = 300
"""A launch that takes longer hangs."""

TIMES = {"cpu_load", "times_shared", "tokens_per_second"} | {
    name for name, column in RUN_COLUMNS.items() if column.unit == "s"
}
"""The columns that two runs of the same settings need not share, beside what says where the numbers come from."""

FORK_SERVER = multiprocessing.get_context("forkserver")
FORK_SERVER.set_forkserver_preload(
    [
        "pytest",
        "hydra._internal.hydra",
        "rnnbench.cli.application",
        "rnnbench.cli.job",
        "rnnbench.cli.planning.planner",
        "rnnbench.cli.report",
        "rnnbench.cli.tuning_stages",
        "rnnbench.report",
        "tests.faults.sweeps",
        "torch._dynamo",
    ]
)


@dataclass
class Launch:
    """A command in a process of its own, which leads a group of its own."""

    process: Any
    output_file: Path
    errors_file: Path

    @property
    def pid(self) -> int:
        return int(self.process.pid)

    def signal(self, number: int) -> None:
        """Send the signal to the whole process group, as a terminal, a scheduler or the kernel does."""
        os.killpg(self.pid, number)

    def ends_within(self, seconds: float) -> bool:
        self.process.join(seconds)
        return self.process.exitcode is not None

    def wait(self) -> int:
        """The exit code, minus the number of the signal that ended it. A launch that hangs is killed and fails."""
        if not self.ends_within(LONGEST_S):
            self.signal(signal.SIGKILL)
            self.process.join()
            raise AssertionError(f"not ended after {LONGEST_S} s:\n{self.errors}")
        return int(self.process.exitcode)

    @property
    def output(self) -> str:
        return self.output_file.read_text(errors="replace")

    @property
    def errors(self) -> str:
        return self.errors_file.read_text(errors="replace")


@dataclass(frozen=True)
class Account:
    """What became of a sweep."""

    planned: int
    done: int
    lost: list[str]
    """Planned runs without a result."""
    doubled: list[str]
    """Runs that were not planned, and runs that were trained to the end twice."""
    mixed: list[str]
    """Runs with other numbers, histories or arrays than those of the undisturbed sweep."""

    def plus(self, other: "Account") -> "Account":
        """Both together."""
        return Account(
            self.planned + other.planned,
            self.done + other.done,
            self.lost + other.lost,
            self.doubled + other.doubled,
            self.mixed + other.mixed,
        )

    def told(self, fault: str, times: int = 1) -> "Account":
        """Print the account, and add it to the summary of the suite; fails if anything is lost, doubled or mixed."""
        print(
            f"\n{times} x {fault}: {self.planned} planned, {self.done} done, {len(self.lost)} lost, "
            f"{len(self.doubled)} doubled, {len(self.mixed)} mixed"
        )
        before, account = TOTALS.get(fault, (0, Account(0, 0, [], [], [])))
        TOTALS[fault] = (before + times, account.plus(self))
        assert not self.lost, self.lost
        assert not self.doubled, self.doubled
        assert not self.mixed, self.mixed
        return self


TOTALS: dict[str, tuple[int, Account]] = {}
"""How often each fault was tried in this session, and what became of the runs."""


@dataclass
class Sweep:
    """A sweep below `folder`, the working directory of its launches."""

    folder: Path
    arguments: Sequence[str] = FOUR
    environment: dict[str, str] = field(default_factory=dict)
    launches: int = 0

    @property
    def files(self) -> ExperimentFiles:
        return ExperimentFiles(self.folder / "results" / "default")

    def start(self, *more: str, program: str = "rnnbench", before: Callable[[], None] | None = None) -> Launch:
        """Launch the sweep, or with `program="rnnbench-report"` the report; `before` is called in the new process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.launches += 1
        output, errors = (self.folder / f"launch-{self.launches}.{kind}" for kind in ("out", "err"))
        arguments = [*(self.arguments if program == "rnnbench" else ["name=default"]), *more]
        process = FORK_SERVER.Process(
            target=execute,
            args=(program, arguments, self.folder, output, errors, self.environment, before),
        )
        process.start()
        return Launch(process, output, errors)

    def run(self, *more: str, program: str = "rnnbench", before: Callable[[], None] | None = None) -> Launch:
        """Launch and wait for the end."""
        launch = self.start(*more, program=program, before=before)
        launch.wait()
        return launch

    def command(self, *more: str, program: str = "rnnbench") -> list[str]:
        """The command line of the sweep."""
        return [str(Path(sys.executable).with_name(program)), *self.arguments, *more]

    def account(self, undisturbed: "Sweep", again: bool = False) -> Account:
        """What is left, against the same sweep undisturbed; with `again`, runs were to be trained a second time."""
        planned = sorted(run.name for run in undisturbed.files.begun_runs())
        found = {run.name: run for run in self.files.begun_runs()}
        done, mixed = [], []
        for name in planned:
            if name not in found:
                continue
            try:
                summary = read_run(found[name]).summary
            except DamagedFileError:
                continue
            if summary["status"] in MEASURED:
                done.append(name)
                if _numbers(self, name) != _numbers(undisturbed, name):
                    mixed.append(name)
        twice = [name for name, times in Counter(_ended(self.files)).items() if times > 1 and not again]
        others = [name for name in found if name not in planned]
        lost = [name for name in planned if name not in done]
        return Account(len(planned), len(done), lost, [*others, *twice], mixed)


def _ended(files: ExperimentFiles) -> list[str | None]:
    """The run of each job of any launch that trained it to the end."""
    ended = []
    for path in (path for launch in files.launches() for path in launch.outcomes()):
        try:
            outcome = read_outcome(path)
        except DamagedFileError:
            continue
        if outcome.status in (JobStatus.DONE, JobStatus.DIVERGED):
            ended.append(outcome.run)
    return ended


def _numbers(sweep: Sweep, run: str) -> dict[str, Any]:
    """All of a run that does not tell times or places: its columns, and the bytes of its history and arrays."""
    files = sweep.files.run(run)
    columns = {
        name: value for name, value in read_run(files).summary.items() if name not in TIMES and name not in PROVENANCE
    }
    return columns | {path.name: path.read_bytes() for path in files.records()}


def execute(
    program: str,
    arguments: list[str],
    folder: Path,
    output: Path,
    errors: Path,
    environment: dict[str, str],
    before: Callable[[], None] | None = None,
) -> None:
    """The new process: the console command as a shell would start it."""
    os.setsid()
    os.chdir(folder)
    os.environ.update(environment)
    for path, stream in ((output, sys.stdout), (errors, sys.stderr)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, stream.fileno())
        os.close(file)
    sys.argv = [program, *arguments]
    if before is not None:
        before()
    module = {"rnnbench": "main", "rnnbench-report": "report"}[program]
    importlib.import_module(f"rnnbench.cli.{module}").main()


def in_a_job(sweep: Sweep) -> bool:
    """Whether the last launch, which was killed, had a job that had begun and not ended."""
    folders = sorted((sweep.files.folder / "launches").glob("*"))
    return any(not path.with_suffix(".json").exists() for path in folders[-1].glob("*.progress")) if folders else False


def kill_at_random(
    undisturbed: Sweep, folder: Path, arguments: Sequence[str], kills: int, chance: random.Random, longest_s: float
) -> tuple[Account, int]:
    """Launch a sweep again and again, and kill the group after up to `longest_s`, so many times; let the last one end.

    A sweep that ends before it is killed is followed by another. Returns what became of them all, and how many kills
    were in the middle of a run.
    """
    account, middle, killed = Account(0, 0, [], [], []), 0, 0
    sweep = Sweep(folder / "0", arguments)
    while killed < kills:
        launch = sweep.start()
        if launch.ends_within(chance.uniform(0, longest_s)):
            assert launch.process.exitcode == 0, launch.errors
            account = account.plus(sweep.account(undisturbed))
            sweep = Sweep(folder / f"{killed}-{sweep.launches}", arguments)
            continue
        launch.signal(signal.SIGKILL)
        launch.process.join()
        killed += 1
        middle += in_a_job(sweep)
    launch = sweep.run()
    assert launch.process.exitcode == 0, launch.errors
    return account.plus(sweep.account(undisturbed)), middle
