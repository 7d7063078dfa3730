"""One launcher for all engines: jobs are submitted to an executor; a future that raises has lost its jobs."""

import os
import sys
import threading
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.core.utils import JobStatus as HydraStatus
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnbench.cli.launches import read_outcome, write_outcome
from rnnbench.errors import SettingError, one_line
from rnnbench.interruption import deferred, received
from rnnbench.schema import JobStatus, LaunchFiles
from rnnbench.store.reader import JobOutcome

Job = tuple[int, list[str]]
"""A job's number in the launch and its overrides."""
SUBMITTED_AT_ONCE = 1000
"""Calls that an executor holds; also the tasks of a Slurm array, of which Slurm by default takes 1000."""
_one_at_a_time = threading.Lock()
"""A job sets its process's working directory, standard streams and Hydra's globals."""


@dataclass(frozen=True)
class JobCall:
    """What all jobs of a sweep have in common; called with some of them in a worker, it executes one after the other.

    Each writes its outcome, and what it prints, to the launch's folder. Raises Interrupted when a signal has stopped
    one, and OSError on a machine that does not share the folder.
    """

    context: HydraContext
    config: DictConfig
    task_function: TaskFunction
    singletons: Mapping[Any, Any]
    working_directory: Path
    files: LaunchFiles

    def __call__(self, jobs: Sequence[Job]) -> None:
        for number, overrides in jobs:
            path = self.files.printed(number)
            with _one_at_a_time, path.open("a", buffering=1, encoding="utf-8", errors="backslashreplace") as printed:
                try:
                    with redirect_stdout(printed), redirect_stderr(printed):
                        self._execute(number, overrides)
                finally:
                    if printed.tell() == 0:
                        path.unlink(missing_ok=True)

    def _execute(self, number: int, overrides: list[str]) -> None:
        os.chdir(self.working_directory)
        setup_globals()
        Singleton.set_state(dict(self.singletons))
        try:
            config = self.context.config_loader.load_sweep_config(self.config, overrides)
        except (HydraException, OmegaConfBaseException) as error:
            raise SettingError(one_line(error)) from None
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = f"{config.hydra.job.name}_{number}", number
        HydraConfig.instance().set_config(config)
        ended = run_job(self.task_function, config, "hydra.sweep.dir", "hydra.sweep.subdir", hydra_context=self.context)
        _ = ended.return_value  # raises what ended the job


class ExecutorLauncher(Launcher):
    """A launcher over an executor. A job whose worker is lost is a line and a count, and the others continue."""

    runs_per_job = 1
    """Runs of each call, one after the other."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        files = LaunchFiles(Path.cwd() / config.hydra.sweep.dir)
        self.call = JobCall(hydra_context, config, task_function, Singleton.get_state(), Path.cwd(), files)

    @abstractmethod
    def executor(self, calls: int) -> AbstractContextManager[Any]:
        """The executor for this many calls. Raises SettingError."""

    def submit(self, executor: Any, calls: Sequence[list[Job]]) -> list[Future[None]]:
        """Submit the calls. Raises SettingError where the engine refuses them, RuntimeError where it is gone."""
        return [executor.submit(self.call, jobs) for jobs in calls]

    def tend(self, executor: Any) -> None:
        """Do what is due about every second while calls run."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Execute the jobs; the objective of each, None for one that was lost."""
        jobs = [(number, list(overrides)) for number, overrides in enumerate(job_overrides, start=initial_job_idx)]
        self.call.files.folder.mkdir(parents=True, exist_ok=True)
        number = -(-len(jobs) // self.runs_per_job)
        try:
            self._execute([jobs[first::number] for first in range(number)])  # which mixes long and short runs
        except ModuleNotFoundError as error:
            extra = self.config.hydra.runtime.choices["hydra/launcher"]
            install = f"pip install -c constraints.txt -e '.[{extra}]'"
            raise SettingError(f"hydra/launcher={extra}: needs {error.name}; {install}") from None
        ended = [(overrides, read_outcome(self.call.files.folder, number)) for number, overrides in jobs]
        return [
            JobReturn(overrides, status=HydraStatus.COMPLETED, _return_value=None if job is None else job.objective)
            for overrides, job in ended
        ]

    def _execute(self, waiting: list[list[Job]]) -> None:
        running: dict[Future[None], list[Job]] = {}
        with deferred(), self.executor(len(waiting)) as executor:
            while running or (waiting and received() is None):
                free = SUBMITTED_AT_ONCE - len(running)
                if received() is not None:
                    for future in running:
                        future.cancel()
                elif waiting and free:
                    calls, waiting = waiting[:free], waiting[free:]
                    try:
                        running |= zip(self.submit(executor, calls), calls, strict=True)
                    except RuntimeError as error:
                        print(f"rnnbench: {one_line(error)}; not submitted: {len(calls + waiting)}", file=sys.stderr)
                        waiting = []
                self.tend(executor)
                for future in wait(running, timeout=1.0, return_when=FIRST_COMPLETED).done:
                    self._keep_lost(running.pop(future), future)

    def _keep_lost(self, jobs: list[Job], future: Future[None]) -> None:
        """Write the outcomes of a call's jobs that could not write theirs."""
        error = RuntimeError("cancelled") if future.cancelled() else future.exception()
        if error is None or received() is not None:  # what ends a call after a signal is not its own fault
            return
        status = JobStatus.REFUSED if isinstance(error, SettingError) else JobStatus.LOST
        for number, overrides in jobs:
            if not self.call.files.outcome(number).exists():
                with suppress(OSError):  # the launch then counts the job as not run
                    outcome = JobOutcome(overrides, status, message=f"({one_line(error)[:300]})")
                    write_outcome(self.call.files.folder, number, outcome)
