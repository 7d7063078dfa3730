"""Tiny sweeps in processes of their own, and what is left of one after whatever was done to it.

A launch is a fork of a server that has imported everything once, so that one takes a second: a session of its own, with
its own working directory and standard output and error in files. `Sweep.spawn` starts a program from nothing instead.
"""

import importlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from rnnbench.schema import MEASURED, PROVENANCE, RUN_COLUMNS, ExperimentFiles, JobStatus
from rnnbench.store.atomic import DamagedFileError
from rnnbench.store.reader import read_outcome, read_run

OF_ALL = ("task.length=6", "model.hidden_size=4", "model.backend=eager", "train.eval_examples=8", "train.batch_size=3")
SMALL = (*OF_ALL, "train.steps=12", "train.eval_every=4", "train.checkpoint_every_s=0", "wandb=disabled")
"""Settings of a run of less than a second, which checkpoints at every step."""
FOUR = ("-m", *SMALL, "cell=rnn,gru", "seed=0,1")
LONG = ("-m", *OF_ALL, "train.steps=16000", "train.eval_every=4000", "train.stop_when_solved=false", "probe=[costs]",
        "train.checkpoint_every_s=1", "wandb=disabled", "cell=rnn", "seed=0,1,2,3")  # fmt: skip
"""Sweeps of four runs, the second of runs of several seconds, whose workers are killed while they train."""
LONGEST_S = 600
"""A launch that takes longer hangs."""
TIMES = {"cpu_load", "times_shared", "tokens_per_second"} | {
    name for name, column in RUN_COLUMNS.items() if column.unit == "s"
}
"""The columns that two runs of the same settings need not share, nor those that say where the numbers come from."""
FORK_SERVER = multiprocessing.get_context("forkserver")
FORK_SERVER.set_forkserver_preload(
    ["pytest", "hydra._internal.hydra", "rnnbench.cli.application", "rnnbench.cli.job", "rnnbench.cli.planner",
     "rnnbench.cli.report", "rnnbench.runs.tuning", "rnnbench.report", "tests.faults.sweeps", "torch._dynamo"]
)  # fmt: skip


@dataclass
class Launch:
    """A command in a process of its own, forked or spawned, which leads a group of its own."""

    process: Any
    output_file: Path
    errors_file: Path

    def signal(self, number: int) -> None:
        """Send the signal to the whole process group, as a terminal, a scheduler or the kernel does."""
        os.killpg(self.process.pid, number)

    def ends_within(self, seconds: float) -> bool:
        """Whether it ends by then."""
        if isinstance(self.process, subprocess.Popen):
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        else:
            self.process.join(seconds)
        return self.exit_code is not None

    @property
    def exit_code(self) -> int | None:
        is_popen = isinstance(self.process, subprocess.Popen)
        return self.process.returncode if is_popen else self.process.exitcode

    def wait(self) -> int | None:
        """The exit code, minus the number of the signal that ended it. A launch that hangs is killed and fails."""
        if not self.ends_within(LONGEST_S):
            self.signal(signal.SIGKILL)
            raise AssertionError(f"not ended after {LONGEST_S} s:\n{self.errors}")
        assert "Traceback" not in self.errors, self.errors
        return self.exit_code

    @property
    def output(self) -> str:
        return self.output_file.read_text(errors="replace")

    @property
    def errors(self) -> str:
        return self.errors_file.read_text(errors="replace")


@dataclass(frozen=True)
class Account:
    """What became of a sweep."""

    planned: int = 0
    done: int = 0
    lost: tuple[str, ...] = ()
    """Planned runs without a result."""
    doubled: tuple[str, ...] = ()
    """Runs that were not planned, and runs that were trained to the end twice."""
    mixed: tuple[str, ...] = ()
    """Runs with other numbers, histories or arrays than those of the undisturbed sweep."""

    def plus(self, other: "Account") -> "Account":
        """Both together."""
        return Account(*(mine + others for mine, others in zip(vars(self).values(), vars(other).values(), strict=True)))

    def reported(self, fault: str, times: int = 1) -> None:
        """Print the account; fails if anything is lost, doubled or mixed."""
        wrong = {name: getattr(self, name) for name in ("lost", "doubled", "mixed")}
        counts = ", ".join(f"{len(names)} {name}" for name, names in wrong.items())
        print(f"\n{times} x {fault}: {self.planned} planned, {self.done} done, {counts}")
        assert not any(wrong.values()), wrong


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

    def _printed(self) -> tuple[Path, Path]:
        """New files for standard output and error."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.launches += 1
        return self.folder / f"launch-{self.launches}.out", self.folder / f"launch-{self.launches}.err"

    def start(self, *more: str, program: str = "rnnbench", before: Callable[[], None] | None = None) -> Launch:
        """Launch the sweep, or with `program="rnnbench-report"` the report; `before` is called in the new process."""
        printed = self._printed()
        arguments = [*(self.arguments if program == "rnnbench" else ["name=default"]), *more]
        given = (program, arguments, self.folder, *printed, self.environment, before)
        process = FORK_SERVER.Process(target=execute, args=given)
        process.start()
        return Launch(process, *printed)

    def spawn(self, *more: str, within: Sequence[str] = ()) -> Launch:
        """Launch the sweep as a program of its own; `within` is a command that executes it."""
        printed = self._printed()
        command = [*within, sys.executable, "-m", "rnnbench", *self.arguments, *more]
        with ExitStack() as stack:
            out, err = (stack.enter_context(path.open("w")) for path in printed)
            started = subprocess.Popen(
                command, cwd=self.folder, env=os.environ | self.environment, stdout=out, stderr=err,
                start_new_session=True,
            )  # fmt: skip
        return Launch(started, *printed)

    def run(self, *more: str, program: str = "rnnbench", before: Callable[[], None] | None = None) -> Launch:
        """Launch and wait for the end."""
        launch = self.start(*more, program=program, before=before)
        launch.wait()
        return launch

    def wait_for_training(self, launch: Launch, runs: int) -> None:
        """Wait until this many runs have a checkpoint and have not ended."""

        def train() -> bool:
            assert not launch.ends_within(0), launch.errors
            return len([*self.folder.glob("results/*/runs/*/checkpoint.pt")]) == runs

        wait_until(train)

    def account(self, undisturbed: "Sweep", again: bool = False) -> Account:
        """What is left, against the same sweep undisturbed; with `again`, runs were to be trained a second time."""
        planned = sorted(run.name for run in undisturbed.files.begun_runs())
        found = {run.name: run for run in self.files.begun_runs()}
        done = []
        for name in planned:
            with suppress(DamagedFileError, KeyError):
                if read_run(found[name]).summary["status"] in MEASURED:
                    done.append(name)
        twice = [name for name, times in self._trained().items() if times > 1 and not again]
        doubled = [*(name for name in found if name not in planned), *twice]
        lost = [name for name in planned if name not in done]
        mixed = [name for name in done if self._numbers(name) != undisturbed._numbers(name)]
        return Account(len(planned), len(done), tuple(lost), tuple(doubled), tuple(mixed))

    def _trained(self) -> Counter[str]:
        """How often each run was trained to the end, by the outcomes; one may be in two launches."""
        outcomes = {}
        for path in (path for launch in self.files.launches() for path in launch.outcomes().values()):
            with suppress(DamagedFileError):
                outcome = read_outcome(path)
                outcomes[str(outcome)] = outcome
        ended = (JobStatus.DONE, JobStatus.DIVERGED)
        return Counter(str(outcome.run) for outcome in outcomes.values() if outcome.status in ended)

    def _numbers(self, run: str) -> dict[str, Any]:
        """All of a run but times and places: its columns, and the bytes of its history and arrays."""
        files = self.files.run(run)
        summary = read_run(files).summary
        columns = {name: value for name, value in summary.items() if name not in TIMES and name not in PROVENANCE}
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


def stop_at_checkpoint(number: int, run: str, by: int = signal.SIGKILL) -> None:
    """Kills or signals the process once a run whose name begins like this has checkpointed this many times."""
    from rnnbench.recorders import RunFolder

    save, saved = RunFolder.save_checkpoint, []

    def counted(self: RunFolder, state: dict[str, object]) -> None:
        save(self, state)
        saved.append(self.name)
        if saved.count(self.name) == number and self.name.startswith(run):
            os.kill(os.getpid(), by)

    RunFolder.save_checkpoint = counted  # type: ignore[method-assign, assignment]


def stop_at_random(
    undisturbed: Sweep, folder: Path, arguments: Sequence[str], number: int, times: int, lasts: float
) -> tuple[Account, int]:
    """Launch a sweep again and again, and signal the group after up to `lasts`, this many times; let the last one end.

    A sweep that ends before is followed by another. Returns what became of them all, and how often a run was trained.
    """
    account, training, stopped, chance = Account(), 0, 0, random.Random(number)
    sweep = Sweep(folder / "0", arguments)
    while stopped < times:
        launch = sweep.start()
        if launch.ends_within(chance.uniform(0, lasts)):
            assert launch.exit_code == 0, launch.errors
            account = account.plus(sweep.account(undisturbed))
            sweep = Sweep(folder / f"{stopped}-{sweep.launches}", arguments)
            continue
        launch.signal(number)
        assert launch.ends_within(10), f"{number} has not ended it\n{launch.errors}"
        assert launch.exit_code in (-number, 128 + number, 0), launch.errors
        assert "Traceback" not in launch.errors, launch.errors
        stopped += 1
        training += _in_a_job(sweep)
    assert sweep.run().exit_code == 0
    return account.plus(sweep.account(undisturbed)), training


def _in_a_job(sweep: Sweep) -> bool:
    """Whether the last launch was killed in a job, or has stopped one."""
    if not (launches := sweep.files.launches()):
        return False
    left = any(launches[-1].folder.glob("*.running"))
    return left or any(read_outcome(path).status == JobStatus.STOPPED for path in launches[-1].outcomes().values())


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something that other processes do."""
    deadline = time.monotonic() + LONGEST_S
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
