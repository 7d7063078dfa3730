"""`hydra/launcher=slurm`: Slurm jobs of several runs each, submitted as arrays through submitit.

The numbers of the Slurm jobs are kept in the launch's folder. A launching process that is started again follows those
of earlier launches that Slurm still has, and submits only the other runs.
"""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from rnnbench.cli.launching import queue, status_line
from rnnbench.cli.launching.job_call import JobCall
from rnnbench.cli.launching.launcher import Job, LostJobError, WorkerLauncher
from rnnbench.cli.launching.packing import packs
from rnnbench.errors import SettingError, one_line
from rnnbench.interruption import Interrupted, goes_on_elsewhere, listen_as_worker
from rnnbench.schema import ExperimentFiles, LaunchFiles
from rnnbench.store.atomic import DamagedFileError, read_json_object, write_json
from rnnbench.store.reader import PlannedJob, read_outcome, read_plan

WARNINGS = (signal.SIGUSR1, signal.SIGUSR2)
"""Signals by which Slurm warns of the end of a job's time; it is then queued again. Others, as of scancel, end it."""


@dataclass(frozen=True)
class Place:
    """Where the outcome of a job is written: a launch, and the job's number in it."""

    files: LaunchFiles
    number: int

    @property
    def path(self) -> Path:
        """The outcome's file."""
        return self.files.outcome(self.number)


@dataclass(frozen=True)
class Pack:
    """The runs of one Slurm job, one after the other; called on the node."""

    call: JobCall
    launch: Path
    jobs: Sequence[Job]
    max_requeues: int

    def __call__(self) -> None:
        requeues = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
        listen_as_worker(goes_on_after=WARNINGS if requeues < self.max_requeues else ())
        os.chdir(self.call.working_directory)
        for number, overrides in self.jobs:
            if _is_done(LaunchFiles(self.launch).outcome(number)):  # before this Slurm job was queued again
                continue
            ended = self.call(number, overrides)
            if isinstance(ended, Interrupted):
                if goes_on_elsewhere():
                    self._queue_again()
                raise SystemExit(ended.exit_code)

    def _queue_again(self) -> None:
        """The run goes on from its checkpoint then."""
        array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
        job = f"{array}_{task}" if array else os.environ["SLURM_JOB_ID"]
        subprocess.run(["scontrol", "requeue", job], check=False)

    def checkpoint(self) -> Any:
        """What submitit queues again when it is warned before the first run has started."""
        from submitit.helpers import DelayedSubmission  # optional

        return DelayedSubmission(self)


def _is_done(outcome: Path) -> bool:
    try:
        return read_outcome(outcome)["status"] in status_line.DONE
    except DamagedFileError:
        return False


class SlurmLauncher(WorkerLauncher):
    """Slurm jobs; conf/hydra/launcher/slurm.yaml explains the settings."""

    def __init__(self, runs_per_job: int, max_requeues: int, poll_s: float, requeue: bool, **parameters: Any) -> None:
        if runs_per_job < 1:
            raise SettingError(f"hydra.launcher.runs_per_job={runs_per_job}: must be at least 1")
        self.runs_per_job, self.max_requeues, self.poll_s, self.requeue = runs_per_job, max_requeues, poll_s, requeue
        self.parameters: dict[str, Any] = {
            key: OmegaConf.to_container(value) if isinstance(value, DictConfig | ListConfig) else value
            for key, value in parameters.items()
            if value is not None
        }

    def execute(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        waiting = self._followed(jobs)
        going_on = {number for places in waiting.values() for number in places}
        if going_on:
            runs = _counted(len(going_on), "run")
            _tell(f"in Slurm jobs of an earlier launch, {_named(waiting)}: {runs}, not submitted again")
        own = LaunchFiles(self.folder)
        for slurm_job, pack in self._submitted([job for job in jobs if job[0] not in going_on]):
            waiting[slurm_job] = {number: Place(own, number) for number, _ in pack}
        try:
            yield from self._ends(waiting)
        except Interrupted:
            _tell(f"the Slurm jobs go on, and the same command follows them; scancel {_named(waiting, ' ')} ends them")
            raise
        self._tidy()

    def _submitted(self, jobs: Sequence[Job]) -> Iterator[tuple[str, list[Job]]]:
        """Submit the jobs; yields each Slurm job with its runs. Raises SettingError when Slurm takes none."""
        plan = self._plan()
        works = [plan[number].work if number < len(plan) else None for number, _ in jobs]
        if not jobs:
            return
        left = packs(jobs, works, self.runs_per_job)
        executor, limit = self._executor(), queue.largest_array()
        known: dict[str, list[Job]] = {}
        while left:
            array, left = left[:limit], left[limit:]
            try:
                with contextlib.redirect_stderr(io.StringIO()), executor.batch():
                    submitted = [
                        executor.submit(Pack(self.call, self.folder, pack, self.max_requeues)) for pack in array
                    ]
            except (RuntimeError, OSError) as error:
                message = f"hydra/launcher=slurm: Slurm refuses the job: {queue.refusal(error)}"
                if not known:
                    raise SettingError(message) from None
                _tell(f"{message}; not submitted: {_counted(sum(map(len, [*left, *array])), 'run')}")
                return
            found = {str(each.job_id): pack for each, pack in zip(submitted, array, strict=True)}
            known |= found
            write_json(_slurm_jobs(self.folder), {"jobs": known})
            runs, slurm_jobs = _counted(sum(map(len, array)), "run"), _counted(len(array), "Slurm job")
            _tell(f"Slurm job {_named(found)}: {runs} in {slurm_jobs}; output in {self._output}")
            yield from found.items()

    @property
    def _output(self) -> Path:
        return self.folder / "slurm"

    def _executor(self) -> Any:
        try:
            import submitit  # optional
        except ModuleNotFoundError:
            raise SettingError(
                "hydra/launcher=slurm: needs submitit; pip install -c constraints.txt -e '.[slurm]'"
            ) from None
        if shutil.which("sbatch") is None:
            raise SettingError("hydra/launcher=slurm: there is no sbatch here; start the sweep on a machine with Slurm")
        executor = submitit.AutoExecutor(self._output.resolve(), cluster="slurm")
        common = {"timeout_min", "cpus_per_task", "gpus_per_node", "mem_gb"}
        more = {"requeue": True} if self.requeue else {"no-requeue": True}
        parameters: dict[str, Any] = {**self.parameters, "name": f"rnnbench-{self.config.name}"}
        parameters["additional_parameters"] = more | dict(parameters.get("additional_parameters", {}))
        try:
            executor.update_parameters(
                **{key if key in {*common, "name"} else f"slurm_{key}": value for key, value in parameters.items()}
            )
        except (NameError, ValueError) as error:
            raise SettingError(f"hydra.launcher: {one_line(error)[:300]}") from None
        return executor

    def _plan(self) -> list[PlannedJob]:
        try:
            return read_plan(LaunchFiles(self.folder).plan)
        except DamagedFileError:  # of another sweeper; the work of its jobs is not known
            return []

    def _followed(self, jobs: Sequence[Job]) -> dict[str, dict[int, Place]]:
        """The Slurm jobs of earlier launches that go on, with the numbers of our jobs that they execute."""
        plan = self._plan()
        ours = {_identity(plan, number, overrides): number for number, overrides in jobs}
        found: dict[str, dict[int, Place]] = {}
        for launch in ExperimentFiles(self.folder.parents[1]).launches():
            if launch.folder == self.folder or not (path := _slurm_jobs(launch.folder)).exists():
                continue
            try:
                kept, theirs = read_json_object(path, {"jobs": dict})["jobs"], read_plan(launch.plan)
            except DamagedFileError as error:
                _tell(f"{one_line(error)}; Slurm jobs of that launch are not known")
                continue
            for slurm_job, runs in kept.items():
                for number, overrides in runs:
                    our = ours.get(_identity(theirs, number, overrides))
                    if our is not None and not launch.outcome(number).exists():
                        found.setdefault(slurm_job, {})[our] = Place(launch, number)
        states = (queue.states(found) or {}) if found else {}
        return {job: places for job, places in found.items() if job in states and not states[job].ended}

    def _ends(self, waiting: Mapping[str, dict[int, Place]]) -> Iterator[tuple[int, Any]]:
        """Wait for the Slurm jobs; yields the number of each of our jobs that ends."""
        going = dict(waiting)
        ended_before: set[str] = set()
        while going:
            states = queue.states(going)
            for slurm_job, places in list(going.items()):
                for number in [number for number, place in places.items() if place.path.exists()]:
                    self._take_over(places.pop(number), number)
                    yield number, _value(LaunchFiles(self.folder).outcome(number))
                state = None if states is None else states[slurm_job]
                if not places:
                    del going[slurm_job]
                elif state is None or not state.ended:
                    ended_before.discard(slurm_job)
                elif slurm_job not in ended_before:  # it may be queued again, and a shared disk shows files late
                    ended_before.add(slurm_job)
                else:
                    for number in places:
                        yield number, LostJobError(f"Slurm job {slurm_job}: {state}{self._said(slurm_job)}")
                    del going[slurm_job]
            if going:
                status_line.note(_summary(states))
                time.sleep(self.poll_s)

    def _take_over(self, place: Place, number: int) -> None:
        """Copy the outcome that a job left in an earlier launch."""
        own = LaunchFiles(self.folder).outcome(number)
        if place.path != own:
            with contextlib.suppress(DamagedFileError):  # the launch counts the job as not run
                write_json(own, read_outcome(place.path))

    def _said(self, slurm_job: str) -> str:
        """The last line of a Slurm job's output, or what it means that there is none."""
        logs = sorted(self._output.glob(f"{slurm_job}_*log.err"))
        if not logs and not list(self._output.glob(f"{slurm_job}_*log.out")):
            return "; it has left no output: is results_dir on a disk that the nodes share?"
        lines = [
            line
            for path in logs
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
            if line.strip()
        ]
        return f"; {lines[-1].strip()[:160]}" if lines else ""

    def _tidy(self) -> None:
        """Remove what submitit has written when every run has a result."""
        outcomes = LaunchFiles(self.folder).outcomes()
        if all(_is_done(path) for path in outcomes):
            shutil.rmtree(self._output, ignore_errors=True)


def _slurm_jobs(launch: Path) -> Path:
    return launch / "slurm_jobs.json"


def _identity(plan: Sequence[PlannedJob], number: int, overrides: Sequence[str]) -> str:
    """What makes two jobs the same: the run's name where it is known, else the overrides."""
    run = plan[number].run if number < len(plan) else None
    return run or json.dumps(list(overrides))


def _value(outcome: Path) -> Any:
    try:
        return read_outcome(outcome).get("objective")
    except DamagedFileError:
        return None


def _summary(states: Mapping[str, queue.QueueState] | None) -> str:
    """How many Slurm jobs are in which state."""
    if states is None:
        return "Slurm does not answer"
    counted = Counter(str(state).lower() for state in states.values() if not state.ended)
    return "Slurm jobs: " + ", ".join(f"{number} {state}" for state, number in counted.items()) if counted else ""


def _named(jobs: Mapping[str, Any], separator: str = ", ") -> str:
    """The numbers of the Slurm jobs, arrays as one."""
    return separator.join(dict.fromkeys(job.partition("_")[0] for job in jobs))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _tell(line: str) -> None:
    print(f"rnnbench: {line}", file=sys.stderr)
