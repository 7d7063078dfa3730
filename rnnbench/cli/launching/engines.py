"""The workers of four engines: processes on this machine, Dask, Ray and Slurm."""

import atexit
import gc
import importlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from io import StringIO
from multiprocessing import active_children
from typing import Any

from omegaconf import OmegaConf

from rnnbench.cli.launching.launcher import ExecutorLauncher, Job, JobCall
from rnnbench.errors import SettingError, one_line
from rnnbench.interruption import Interrupted, listen_as_worker, received, will_be_requeued

WARNINGS = (signal.SIGUSR1, signal.SIGUSR2)
"""Signals by which Slurm warns of the end of a job's time; it is then queued again. Others, as of scancel, end it."""
LONGEST_ARRAY = 1000  # Slurm's default


@contextmanager
def _refused(setting: str, *errors: type[Exception]) -> Iterator[None]:
    """What an engine raises becomes a wrong setting."""
    try:
        yield
    except errors as error:
        raise SettingError(f"{setting}: {one_line(error)[:300]}") from None


class ParallelLauncher(ExecutorLauncher):
    """`hydra/launcher=parallel`: processes on this machine, each alone in an executor: one that dies takes no other."""

    def __init__(self, n_jobs: int) -> None:
        if n_jobs == 0:
            raise SettingError("hydra.launcher.n_jobs=0: must be a number of processes, or -1 for one per core")
        self.n_jobs, self._idle = n_jobs, list[Any]()

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        from joblib import effective_n_jobs  # not needed to find this launcher

        with ThreadPoolExecutor(effective_n_jobs(self.n_jobs)) as threads:
            yield threads
        while self._idle:
            self._idle.pop().shutdown(wait=False)

    def submit(self, executor: Executor, calls: Sequence[list[Job]]) -> list[Future[None]]:
        return [executor.submit(self._call_in_process, jobs) for jobs in calls]

    def tend(self, executor: Executor) -> None:
        """After a signal ask all processes to stop; one that is still starting hears it only when asked again."""
        if received() is not None:
            for process in active_children():
                process.terminate()

    def _call_in_process(self, jobs: list[Job]) -> None:
        from joblib.externals.loky import ProcessPoolExecutor

        start = partial(ProcessPoolExecutor, 1, initializer=_begin, initargs=(os.getpid(),))
        process = self._idle.pop() if self._idle else start()
        try:
            process.submit(self.call, jobs).result()
        except BaseException:  # it was killed, or a signal asked it to stop
            process.shutdown(wait=False)
            raise
        self._idle.append(process)


def _begin(parent: int) -> None:
    """Prepare this process for jobs. It stops, with a checkpoint, soon after its parent has died."""
    atexit.register(gc.freeze)  # half a second of looking for garbage in torch
    importlib.import_module("rnnbench.cli.job")  # loky restarts a worker that grows by as much in its first job

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class DaskLauncher(ExecutorLauncher):
    """`hydra/launcher=dask`: the workers of a Dask cluster that is there, or of one started on this machine."""

    def __init__(self, address: str | None, n_workers: int) -> None:
        self.address, self.n_workers = address, n_workers

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        import distributed

        for module in ("client", "core", "nanny"):  # what they say is in the outcomes of the jobs
            logging.getLogger(f"distributed.{module}").setLevel(logging.CRITICAL)
        workers = self.n_workers if self.n_workers > 0 else None
        local = {"n_workers": workers, "threads_per_worker": 1, "memory_limit": 0, "dashboard_address": None}
        with _refused(f"hydra.launcher.address={self.address}", OSError, TimeoutError, ValueError):
            client = distributed.Client(self.address, **({} if self.address else local))
        with client:
            yield client.get_executor(pure=False)


class RayLauncher(ExecutorLauncher):
    """`hydra/launcher=ray`: a Ray cluster that is there, or one started here; Ray tries a lost call again."""

    def __init__(self, address: str | None, num_cpus: int | None, cpus_per_run: float) -> None:
        self.address, self.num_cpus, self.cpus_per_run = address, num_cpus, cpus_per_run

    @contextmanager
    def executor(self) -> Iterator[Any]:
        import ray

        local = {"num_cpus": self.num_cpus, "include_dashboard": False} if self.address is None else {}
        errors = ray.exceptions.RayError, OSError, OverflowError, RuntimeError, ValueError
        with redirect_stdout(sys.stderr):  # what Ray says about workers that died
            with _refused(f"hydra.launcher.address={self.address}", *errors):
                if found := re.fullmatch(r"([^/]+):(\d+)", self.address or ""):  # Ray itself tries for ever
                    socket.create_connection((found[1].strip("[]"), int(found[2])), timeout=10.0).close()
                ray.init(address=self.address or "local", log_to_driver=False, logging_level="ERROR", **local)
            try:
                yield ray.remote(num_cpus=self.cpus_per_run, max_retries=3)(lambda call, jobs: call(jobs))
            finally:
                ray.shutdown()

    def submit(self, executor: Any, calls: Sequence[list[Job]]) -> list[Future[None]]:
        return [executor.remote(self.call, jobs).future() for jobs in calls]


class SlurmLauncher(ExecutorLauncher):
    """`hydra/launcher=slurm`: Slurm jobs of several runs each, submitted as arrays through submitit."""

    period_s = 5.0

    def __init__(self, runs_per_job: int, max_requeues: int, timeout_min: int, mem_gb: float, **more: Any) -> None:
        if runs_per_job < 1:
            raise SettingError(f"hydra.launcher.runs_per_job={runs_per_job}: must be at least 1")
        self.runs_per_job, self.max_requeues = runs_per_job, max_requeues
        ours = {"time": timeout_min, "mem": f"{1024 * mem_gb:.0f}MB"}
        self.parameters: Any = OmegaConf.to_container(OmegaConf.create(ours | more))
        self.jobs: dict[Future[None], Any] = {}
        self._missed: set[str] = set()

    @contextmanager
    def executor(self) -> Iterator[Any]:
        import submitit

        with _refused("hydra/launcher=slurm", RuntimeError, TypeError, ValueError):
            executor = submitit.SlurmExecutor((self.call.files.folder / "slurm").resolve())
            executor.update_parameters(job_name=f"rnnbench-{self.config.name}", **self.parameters)
        yield executor
        if received() is not None:
            print(f"rnnbench: the Slurm jobs continue; scancel {self._arrays()} ends them", file=sys.stderr)

    def submit(self, executor: Any, calls: Sequence[list[Job]]) -> list[Future[None]]:
        call, jobs = partial(_call_in_slurm, self.call, self.max_requeues), []
        refused = _refused("hydra/launcher=slurm: Slurm refuses the job", RuntimeError, OSError)
        with refused, redirect_stderr(StringIO()):  # the error has what sbatch says
            for first in range(0, len(calls), LONGEST_ARRAY):
                jobs += executor.map_array(call, calls[first : first + LONGEST_ARRAY])
        self.jobs = {Future(): job for job in jobs}
        print(f"rnnbench: Slurm job {self._arrays()}: {len(jobs)}; output in {executor.folder}", file=sys.stderr)
        return list(self.jobs)

    def tend(self, executor: Any) -> None:
        """End the futures of the Slurm jobs that two looks in a row have not found: one may be queued again."""
        if (known := _in_queue()) is None:
            return
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
    requeues = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
    listen_as_worker(requeued_after=WARNINGS if requeues < max_requeues else ())
    try:
        call([job for job in jobs if not call.files.outcome(job[0]).exists()])
    except Interrupted as stop:
        if will_be_requeued():
            from submitit import JobEnvironment

            subprocess.run(["scontrol", "requeue", JobEnvironment().job_id], check=False)
        raise SystemExit(stop.exit_code) from None
