"""One launcher for all engines: jobs are submitted to an executor; a future that raises has lost its jobs."""

import os
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
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from rnnbench import schema
from rnnbench.cli.launches import read_outcomes, write_outcome
from rnnbench.errors import SettingError, one_line
from rnnbench.interruption import deferred, received
from rnnbench.store.reader import JobOutcome

Job = tuple[int, list[str]]
"""A job's number in the launch and its overrides."""
_one_at_a_time = threading.Lock()
"""A job sets its process's working directory, standard streams and Hydra's globals."""


@dataclass(frozen=True)
class JobCall:
    """What all jobs of a sweep have in common; called with some of them, a worker executes one after the other."""

    context: HydraContext
    config: DictConfig
    task_function: TaskFunction
    singletons: Mapping[Any, Any]
    working_directory: Path
    files: schema.LaunchFiles

    def __call__(self, jobs: Sequence[Job]) -> None:
        for number, overrides in jobs:
            path = self.files.printed(number)
            with _one_at_a_time, path.open("a", buffering=1, encoding="utf-8", errors="backslashreplace") as printed:
                with redirect_stdout(printed), redirect_stderr(printed):
                    self._execute(number, overrides)
                if printed.tell() == 0:
                    path.unlink()

    def _execute(self, number: int, overrides: list[str]) -> None:
        os.chdir(self.working_directory)
        setup_globals()
        Singleton.set_state(dict(self.singletons))
        config = self.context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = f"{config.hydra.job.name}_{number}", number
        HydraConfig.instance().set_config(config)
        ended = run_job(self.task_function, config, "hydra.sweep.dir", "hydra.sweep.subdir", hydra_context=self.context)
        _ = ended.return_value  # raises what ended the job


class ExecutorLauncher(Launcher):
    """A launcher over an executor. A job whose worker is lost is a line and a count, and the others continue."""

    runs_per_job = 1
    """Runs of each call, one after the other."""
    period_s = 1.0
    """Seconds after which `tend` is called again."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        files = schema.LaunchFiles(Path.cwd() / config.hydra.sweep.dir)
        self.call = JobCall(hydra_context, config, task_function, Singleton.get_state(), Path.cwd(), files)

    @abstractmethod
    def executor(self) -> AbstractContextManager[Any]:
        """The executor. Raises SettingError."""

    def submit(self, executor: Any, calls: Sequence[list[Job]]) -> list[Future[None]]:
        """Submit the calls. Raises SettingError where the engine refuses them."""
        return [executor.submit(self.call, jobs) for jobs in calls]

    def tend(self, executor: Any) -> None:
        """Do what is due now and then while calls run."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Execute the jobs; the objective of each, None for one that was lost."""
        jobs = [(number, list(overrides)) for number, overrides in enumerate(job_overrides, start=initial_job_idx)]
        self.call.files.folder.mkdir(parents=True, exist_ok=True)
        calls = -(-len(jobs) // self.runs_per_job)
        try:
            self._execute([jobs[first::calls] for first in range(calls)])  # which mixes long and short runs
        except ModuleNotFoundError as error:
            extra = self.config.hydra.runtime.choices["hydra/launcher"]
            install = f"pip install -c constraints.txt -e '.[{extra}]'"
            raise SettingError(f"hydra/launcher={extra}: needs {error.name}; {install}") from None
        outcomes = read_outcomes(self.call.files.folder)
        objectives = [outcomes[number].objective if number in outcomes else None for number, _ in jobs]
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=value) for value in objectives]

    def _execute(self, calls: list[list[Job]]) -> None:
        with deferred(), self.executor() as executor:
            running = dict(zip(self.submit(executor, calls), calls, strict=True))
            while running:
                if received() is not None:
                    for future in running:
                        future.cancel()
                self.tend(executor)
                for future in wait(running, self.period_s, return_when=FIRST_COMPLETED).done:
                    self._keep_lost(running.pop(future), future)

    def _keep_lost(self, jobs: list[Job], future: Future[None]) -> None:
        """Write the outcomes of a call's jobs that could not write theirs."""
        error = RuntimeError("cancelled") if future.cancelled() else future.exception()
        if error is None or received() is not None:  # what ends a call after a signal is not its own fault
            return
        status = schema.JobStatus.REFUSED if isinstance(error, SettingError) else schema.JobStatus.LOST
        for number, overrides in jobs:
            if not self.call.files.outcome(number).exists():
                with suppress(OSError):  # the launch then counts the job as not run
                    outcome = JobOutcome(overrides, status, message=f"({one_line(error)[:300]})")
                    write_outcome(self.call.files.folder, number, outcome)
