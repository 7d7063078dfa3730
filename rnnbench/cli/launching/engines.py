"""The workers of three engines: processes on this machine, Dask and Ray."""

import importlib
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any

from rnnbench.cli.launching.launcher import ExecutorLauncher, Job
from rnnbench.errors import SettingError, one_line
from rnnbench.interruption import received


class ParallelLauncher(ExecutorLauncher):
    """`hydra/launcher=parallel`: processes on this machine, each alone in an executor: one that dies takes no other."""

    def __init__(self, n_jobs: int) -> None:
        if n_jobs == 0:
            raise SettingError("hydra.launcher.n_jobs=0: must be a number of processes, or -1 for one per core")
        self.n_jobs = n_jobs

    @contextmanager
    def executor(self, calls: int) -> Iterator[Executor]:
        from joblib import cpu_count  # not needed to find this launcher

        self._all, self._idle = set[Any](), list[Any]()
        with ThreadPoolExecutor(self.n_jobs if self.n_jobs > 0 else max(1, cpu_count() + 1 + self.n_jobs)) as threads:
            yield threads
            list(threads.map(lambda process: process.shutdown(), self._all))

    def submit(self, executor: Executor, calls: Sequence[list[Job]]) -> list[Future[None]]:
        return [executor.submit(self._call_in_process, jobs) for jobs in calls]

    def tend(self, executor: Executor) -> None:
        """After a signal ask all processes to stop; one that is still starting hears it only when asked again."""
        if received() is not None:
            for number in [number for process in list(self._all) for number in list(process._processes)]:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGTERM)

    def _call_in_process(self, jobs: list[Job]) -> None:
        from joblib.externals.loky import ProcessPoolExecutor
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        process = (
            self._idle.pop() if self._idle else ProcessPoolExecutor(1, initializer=_begin, initargs=(os.getpid(),))
        )
        self._all.add(process)
        try:
            process.submit(self.call, jobs).result()
        except BaseException as error:  # it was killed, or a signal asked it to stop
            process.shutdown(wait=False)
            if not isinstance(error, TerminatedWorkerError):
                raise
            codes = re.search(r"\{(.*)\}", str(error))
            raise RuntimeError(f"its process was killed{': ' + codes[1] if codes else ''}") from None
        self._idle.append(process)


def _begin(parent: int) -> None:
    """Prepare this process for jobs. It stops, with a checkpoint, soon after its parent has died."""
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
    def executor(self, calls: int) -> Iterator[Executor]:
        import distributed

        for module in ("client", "core", "nanny"):  # what they say is in the outcomes of the jobs
            logging.getLogger(f"distributed.{module}").setLevel(logging.CRITICAL)
        workers = self.n_workers if self.n_workers > 0 else None
        own = {"n_workers": workers, "threads_per_worker": 1, "memory_limit": 0, "dashboard_address": None}
        try:
            client = distributed.Client(self.address, **({} if self.address else own))
        except (OSError, TimeoutError, ValueError) as error:
            raise SettingError(f"hydra.launcher.address={self.address}: {one_line(error)[:300]}") from None
        with client:
            yield client.get_executor(pure=False)


class RayLauncher(ExecutorLauncher):
    """`hydra/launcher=ray`: the workers of a Ray cluster that is there, or of one started on this machine.

    Ray tries a call again, at most three times, whose worker has died.
    """

    def __init__(self, address: str | None, num_cpus: int | None, cpus_per_run: float) -> None:
        self.address, self.num_cpus, self.cpus_per_run = address, num_cpus, cpus_per_run

    @contextmanager
    def executor(self, calls: int) -> Iterator[Any]:
        import ray

        own = {"num_cpus": self.num_cpus, "include_dashboard": False} if self.address is None else {}
        with redirect_stdout(sys.stderr):  # what Ray says about workers that died
            try:
                if found := re.fullmatch(r"([^/]+):(\d+)", self.address or ""):  # Ray itself tries for ever
                    socket.create_connection((found[1].strip("[]"), int(found[2])), timeout=10.0).close()
                ray.init(address=self.address or "local", log_to_driver=False, logging_level="ERROR", **own)
            except (ray.exceptions.RayError, OSError, OverflowError, RuntimeError, ValueError) as error:
                raise SettingError(f"hydra.launcher.address={self.address}: {one_line(error)[:300]}") from None
            try:
                yield ray.remote(num_cpus=self.cpus_per_run, max_retries=3)(lambda call, jobs: call(jobs))
            finally:
                ray.shutdown()

    def submit(self, executor: Any, calls: Sequence[list[Job]]) -> list[Future[None]]:
        return [executor.remote(self.call, jobs).future() for jobs in calls]
