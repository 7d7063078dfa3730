"""The base of the launchers: jobs are called somewhere else, and whatever happens there becomes their outcome."""

import os
import sys
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra.core.utils import JobStatus as HydraStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from rnnbench.cli.launches import JobOutcome, write_outcome
from rnnbench.cli.launching.job_call import JobCall
from rnnbench.errors import SettingError, one_line
from rnnbench.interruption import received
from rnnbench.schema import JobStatus, LaunchFiles

Job = tuple[int, list[str]]
"""A job's number in the launch and its overrides."""


class LostJobError(Exception):
    """A job's process, node or Slurm job ended before the job did; the message says how."""


class WorkerLauncher(Launcher):
    """A launcher that calls jobs in other processes.

    A job whose worker is lost gets an outcome that says so, and the other jobs go on.
    """

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        self.call = JobCall(hydra_context, config, task_function, Singleton.get_state(), Path.cwd())

    @property
    def folder(self) -> Path:
        """The launch's folder."""
        return Path(self.config.hydra.sweep.dir)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Execute the jobs; what each returned, None for a job that was lost."""
        self.folder.mkdir(parents=True, exist_ok=True)
        jobs = [(number, list(overrides)) for number, overrides in enumerate(job_overrides, start=initial_job_idx)]
        returned: dict[int, Any] = {}
        for number, value in self.execute(jobs):
            if isinstance(value, BaseException):
                if received() is None:  # what ends a job then is not its own fault
                    self._keep(number, list(job_overrides[number - initial_job_idx]), value)
            else:
                returned[number] = value
        return [_ended(overrides, returned.get(number)) for number, overrides in jobs]

    @abstractmethod
    def execute(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        """Execute the jobs; yields the number of each that ends, with what it returned or the error that ended it."""

    def _keep(self, number: int, overrides: list[str], error: BaseException) -> None:
        """Write the outcome of a job that could not write one itself."""
        if LaunchFiles(self.folder).outcome(number).exists():
            return
        if isinstance(error, SettingError):
            outcome = JobOutcome(overrides, JobStatus.REFUSED, message=one_line(error))
        else:
            outcome = JobOutcome(overrides, JobStatus.LOST, message=f"({one_line(error)})")
        try:
            write_outcome(self.folder, number, outcome)
        except OSError as problem:  # the launch then counts the job as not run
            print(f"rnnbench: {self.folder} cannot be written ({one_line(problem)})", file=sys.stderr)


def _ended(overrides: list[str], value: Any) -> JobReturn:
    return JobReturn(overrides=overrides, status=HydraStatus.COMPLETED, _return_value=value, working_dir=os.getcwd())
