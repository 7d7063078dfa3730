"""`hydra/launcher=slurm`: Slurm jobs of several runs each, submitted as arrays through submitit."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, redirect_stderr
from functools import partial
from typing import Any

from omegaconf import OmegaConf

from rnnbench.cli.launching.launcher import ExecutorLauncher, Job, JobCall
from rnnbench.errors import SettingError, one_line
from rnnbench.interruption import Interrupted, listen_as_worker, received, will_be_requeued

WARNINGS = (signal.SIGUSR1, signal.SIGUSR2)
"""Signals by which Slurm warns of the end of a job's time; it is then queued again. Others, as of scancel, end it."""
POLL_S = 5.0


class SlurmLauncher(ExecutorLauncher):
    """Slurm jobs; conf/hydra/launcher/slurm.yaml explains the settings."""

    def __init__(self, runs_per_job: int, max_requeues: int, timeout_min: int, mem_gb: float, **more: Any) -> None:
        if runs_per_job < 1:
            raise SettingError(f"hydra.launcher.runs_per_job={runs_per_job}: must be at least 1")
        self.runs_per_job, self.max_requeues = runs_per_job, max_requeues
        own = {"time": timeout_min, "mem": f"{1024 * mem_gb:.0f}MB"}
        self.parameters: Any = OmegaConf.to_container(OmegaConf.create(own | more))
        self.jobs: dict[Future[None], Any] = {}
        self._looked_at, self._missed = 0.0, set[str]()

    @contextmanager
    def executor(self, calls: int) -> Iterator[Any]:
        import submitit

        try:
            executor = submitit.SlurmExecutor((self.call.files.folder / "slurm").resolve())
            executor.update_parameters(job_name=f"rnnbench-{self.config.name}", **self.parameters)
        except (RuntimeError, TypeError, ValueError) as error:
            raise SettingError(f"hydra/launcher=slurm: {one_line(error)[:300]}") from None
        yield executor
        if received() is not None:
            print(f"rnnbench: the Slurm jobs continue; scancel {self._arrays()} ends them", file=sys.stderr)

    def submit(self, executor: Any, calls: Sequence[list[Job]]) -> list[Future[None]]:
        try:
            with redirect_stderr(io.StringIO()):  # the error has what sbatch says
                jobs = executor.map_array(partial(_call_in_slurm, self.call, self.max_requeues), calls)
        except (RuntimeError, OSError) as error:
            said = re.findall(r"sbatch: (?:error: )?(?:Batch job submission failed: )?([^\n]+)", str(error))
            reason = "; ".join(dict.fromkeys(said)) or one_line(error)
            raise SettingError(f"hydra/launcher=slurm: Slurm refuses the job: {reason}") from None
        futures = [Future[None]() for _ in jobs]
        self.jobs |= zip(futures, jobs, strict=True)
        print(f"rnnbench: Slurm job {self._arrays()}: {len(jobs)}; output in {executor.folder}", file=sys.stderr)
        return futures

    def tend(self, executor: Any) -> None:
        """End the futures of the Slurm jobs that two looks in a row have not found: one may be queued again."""
        if time.monotonic() - self._looked_at < POLL_S or (known := _in_queue()) is None:
            return
        self._looked_at = time.monotonic()
        gone = {future: job for future, job in self.jobs.items() if job.job_id not in known}
        for future, job in gone.items():
            if job.job_id in self._missed and not future.cancelled():
                text = job.stderr() or "it has printed nothing: is results_dir on a disk that the nodes share?"
                future.set_exception(RuntimeError(f"Slurm job {job.job_id} has ended; {text.splitlines()[-1]}"))
                del self.jobs[future]
        self._missed = {job.job_id for job in gone.values()}

    def _arrays(self) -> str:
        return " ".join(dict.fromkeys(job.job_id.partition("_")[0] for job in self.jobs.values()))


def _in_queue() -> set[str] | None:
    """This user's Slurm jobs that have not ended, array tasks as `12_3`; None where Slurm does not answer."""
    command = ["squeue", "--me", "--noheader", "--array", "--format=%i"]
    try:
        return set(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split())
    except (OSError, subprocess.SubprocessError):
        return None


def _call_in_slurm(call: JobCall, max_requeues: int, jobs: Sequence[Job]) -> None:
    """Execute those of a Slurm job's runs that have not ended before it was queued again."""
    requeues = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
    listen_as_worker(requeued_after=WARNINGS if requeues < max_requeues else ())
    try:
        call([job for job in jobs if not call.files.outcome(job[0]).exists()])
    except Interrupted as stop:
        if will_be_requeued():
            from submitit import JobEnvironment

            subprocess.run(["scontrol", "requeue", JobEnvironment().job_id], check=False)
        raise SystemExit(stop.exit_code) from None
