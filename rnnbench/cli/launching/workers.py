"""Worker processes: on this machine, of a Dask cluster, and of a Ray cluster.

Each kind of pool hands out `concurrent.futures.Future`s, so that a lost worker is an error of one job alone.
"""

import importlib
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager, redirect_stdout, suppress
from typing import Any

from joblib import cpu_count
from joblib.externals.loky import ProcessPoolExecutor

from rnnbench.cli.launching import status_line
from rnnbench.cli.launching.job_call import OnFirstWrite
from rnnbench.cli.launching.launcher import Job, LostJobError, WorkerLauncher
from rnnbench.errors import SettingError, one_line
from rnnbench.interruption import Interrupted, forwarded_to, received

PARENT_CHECK_S = 1.0
"""Seconds between two looks of a worker at whether its parent still lives."""
PATIENCE_S = 10.0
"""Seconds for a checkpoint, after which a worker without a parent ends."""

NO_LEAKS_TOLD = "ignore:resource_tracker"
"""Python's filter for what the helpers say that remove the semaphores of a process that was killed."""

RAY_ANSWERS_WITHIN_S = 10.0
"""Seconds for the head of a Ray cluster to take a connection."""
RAY_GONE_AFTER_S = 30.0
"""Seconds without its head after which a Ray cluster is given up; after 60 Ray ends this process without a word."""
ANOTHER_TOKEN = "is RAY_AUTH_TOKEN, or ~/.ray/auth_token, here as it is in the cluster?"

REASONS = {
    "KilledWorker": "its Dask worker died, and so did those that tried again",
    "CancelledError": "it was cancelled on the cluster",
    "WorkerCrashedError": "its Ray worker died, and so did those that tried again",
    "LocalRayletDiedError": "its Ray node died, and so did those that tried again",
    "OutOfMemoryError": "Ray ended it for want of memory",
    "NodeDiedError": "its Ray node died",
}
"""What the errors of the libraries mean, by their class's name."""


class ClusterGoneError(Exception):
    """Nothing can be submitted any more, and of what runs nothing will be heard."""


class Pool:
    """Workers that execute one call at a time each."""

    size: int
    """How many calls can run at the same time; 0 while all workers are gone. Raises ClusterGoneError."""

    @abstractmethod
    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        """Start a call."""

    def processes(self) -> list[int]:
        """The ids of the workers on this machine that a signal is to be passed on to."""
        return []

    def cancel(self) -> None:
        """End the calls that can be ended."""


class PoolLauncher(WorkerLauncher):
    """A launcher over a pool. It submits no more than can run, so a pool of any size holds few jobs at a time."""

    @abstractmethod
    def pool(self, jobs: int) -> AbstractContextManager[Pool]:
        """The pool for so many jobs. Raises SettingError."""

    def execute(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        with self.pool(len(jobs)) as pool, forwarded_to(pool.processes):
            waiting = list(reversed(jobs))
            running: dict[Future[Any], int] = {}
            try:
                while running or (waiting and received() is None):
                    size = pool.size
                    status_line.note("" if size else "no worker is left; waiting for one")
                    while waiting and len(running) < max(1, size) and received() is None:
                        number, overrides = waiting[-1]
                        running[pool.submit(self.call, number, overrides)] = number
                        waiting.pop()
                    if received() is not None:
                        pool.cancel()
                    for future in wait(running, timeout=1.0, return_when=FIRST_COMPLETED).done:
                        yield running.pop(future), _result(future)
            except ClusterGoneError as error:
                more = f"; not submitted: {len(waiting)}" if waiting else ""
                print(f"rnnbench: {error}{more}", file=sys.stderr)
                for number in running.values():
                    yield number, LostJobError(str(error))


def _result(future: "Future[Any]") -> Any:
    """What a call returned, or the error that ended it."""
    try:
        return future.result()
    except (Exception, CancelledError) as error:
        kind = type(error).__name__
        if kind == "TerminatedWorkerError":  # its message has the exit codes in braces
            codes = re.search(r"\{(.*)\}", str(error))
            return LostJobError(f"its process was killed{': ' + codes[1] if codes else ''}")
        if isinstance(error, LostJobError):
            return error
        return LostJobError(REASONS.get(kind) or f"{kind}: {one_line(error)[:300]}")


class LocalPool(Pool):
    """Processes on this machine, each in an executor of its own: when one dies, the others go on."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._idle: list[ProcessPoolExecutor] = []
        self._all: dict[ProcessPoolExecutor, Future[int]] = {}
        self._running: dict[Future[Any], ProcessPoolExecutor] = {}

    @property
    def size(self) -> int:  # type: ignore[override]
        for future, executor in list(self._running.items()):
            thread = executor._executor_manager_thread
            if (thread is None or not thread.is_alive()) and not future.done():  # nothing would ever end this future
                for process in list(executor._processes):
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                future.set_exception(LostJobError("the thread that waits for its process has ended"))
        return self._size

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        executor = self._idle.pop() if self._idle else self._started()
        future: Future[Any] = executor.submit(function, *arguments)
        self._running[future] = executor
        future.add_done_callback(lambda ended: self._freed(executor, ended))
        return future

    def _started(self) -> ProcessPoolExecutor:
        executor = ProcessPoolExecutor(1, initializer=begin_worker, initargs=(os.getpid(),))
        self._all[executor] = executor.submit(os.getpid)
        return executor

    def _freed(self, executor: ProcessPoolExecutor, ended: "Future[Any]") -> None:
        self._running.pop(ended, None)
        if ended.cancelled() or ended.exception() is not None or isinstance(ended.result(), Interrupted):
            self._all.pop(executor, None)
            threading.Thread(target=executor.shutdown).start()
        else:
            self._idle.append(executor)

    def cancel(self) -> None:
        for process in self.processes():  # again: one that was starting at the signal has not heard it
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)

    def processes(self) -> list[int]:
        known = [process for process in list(self._all.values()) if process.done() and process.exception() is None]
        return [process.result() for process in known]

    def close(self) -> None:
        """End all processes, and wait for it: one that is not yet told to when Python ends is never told."""
        idle = list(self._idle)
        ending = [threading.Thread(target=executor.shutdown, daemon=True) for executor in idle]
        for thread in ending:
            thread.start()
        for executor in list(self._all):
            if executor not in idle:
                executor.shutdown(kill_workers=True)
        for thread in ending:
            thread.join()


def begin_worker(parent: int) -> None:
    """Prepare this process for jobs. It stops, with a checkpoint, soon after its parent has died."""
    importlib.import_module("rnnbench.cli.job")  # loky restarts a worker that grows by as much in its first job

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_S)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class ParallelLauncher(PoolLauncher):
    """`hydra/launcher=parallel`: worker processes on this machine."""

    def __init__(self, n_jobs: int) -> None:
        if n_jobs == 0:
            raise SettingError("hydra.launcher.n_jobs=0: must be a number of processes, or -1 for one per core")
        self.n_jobs = n_jobs

    @contextmanager
    def pool(self, jobs: int) -> Iterator[Pool]:
        at_a_time = self.n_jobs if self.n_jobs > 0 else max(1, cpu_count() + 1 + self.n_jobs)
        pool = LocalPool(min(at_a_time, jobs))
        filters = os.environ.get("PYTHONWARNINGS")
        os.environ["PYTHONWARNINGS"] = f"{filters},{NO_LEAKS_TOLD}" if filters else NO_LEAKS_TOLD
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
                yield pool
        finally:
            pool.close()
            if filters is None:
                del os.environ["PYTHONWARNINGS"]
            else:
                os.environ["PYTHONWARNINGS"] = filters


class DaskPool(Pool):
    """The workers of a Dask cluster, one call at a time each."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._address = client.scheduler.address
        self._executor = client.get_executor(pure=False)
        self._futures: list[Future[Any]] = []

    @property
    def size(self) -> int:  # type: ignore[override]  # workers come and go
        while self._client.status == "connecting" and received() is None:  # again, for `wait_s` at most
            status_line.note("the Dask scheduler does not answer")
            time.sleep(0.1)
        if self._client.status != "running":
            raise ClusterGoneError(f"the Dask scheduler at {self._address} is gone")
        return len(self._client.scheduler_info(n_workers=-1).get("workers", ()))  # none without a scheduler

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        future: Future[Any] = self._executor.submit(function, *arguments)
        self._futures.append(future)
        return future

    def cancel(self) -> None:
        for future in self._futures:
            future.cancel()


class DaskLauncher(PoolLauncher):
    """`hydra/launcher=dask`: the workers of a Dask cluster that is there, or of one started on this machine."""

    def __init__(self, address: str | None, n_workers: int, wait_s: float) -> None:
        self.address, self.n_workers, self.wait_s = address, n_workers, wait_s

    @contextmanager
    def pool(self, jobs: int) -> Iterator[Pool]:
        distributed = _imported("distributed", "dask")
        for module in ("client", "nanny", "core"):
            logging.getLogger(f"distributed.{module}").setLevel(logging.CRITICAL)
        with ExitStack() as stack:
            where = self.address
            if where is None:
                size = min(self.n_workers if self.n_workers > 0 else cpu_count(), jobs)
                where = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=size,
                        threads_per_worker=1,
                        processes=True,
                        dashboard_address=None,
                        memory_limit=0,
                        silence_logs=logging.CRITICAL,  # what it means for a job is told by its outcome
                    )
                )
            try:
                client = stack.enter_context(distributed.Client(where, timeout=self.wait_s))
                client.wait_for_workers(1, timeout=self.wait_s)
            except (OSError, TimeoutError, ValueError) as error:
                raise SettingError(
                    f"hydra.launcher.address={self.address}: no Dask scheduler with a worker answers there within "
                    f"{self.wait_s:g} s ({one_line(error)[:120]})"
                ) from None
            if crowded := [worker for worker, threads in client.nthreads().items() if threads > 1]:
                raise SettingError(
                    f"hydra.launcher.address={self.address}: {crowded[0]} runs several calls at a time; start workers "
                    "with --nthreads 1, one for each core"
                )
            yield DaskPool(client)


class RayPool(Pool):
    """The workers of a Ray cluster, one core or the run's threads each."""

    def __init__(self, ray: Any, cpus: float, retries: int) -> None:
        self._ray = ray
        self._call = ray.remote(num_cpus=cpus, max_retries=retries)(_ending_with_a_signal)
        self._cpus = cpus
        self._head = ray.get_runtime_context().gcs_address
        self._heard_at = time.monotonic()
        self._references: dict[Future[Any], Any] = {}

    @property
    def size(self) -> int:  # type: ignore[override]  # nodes come and go
        if _silence(self._head, RAY_ANSWERS_WITHIN_S):
            status_line.note("the Ray head does not answer")
            if time.monotonic() - self._heard_at > RAY_GONE_AFTER_S:
                raise ClusterGoneError(f"the Ray head at {self._head} is gone")
            return 0
        self._heard_at = time.monotonic()
        return int(self._ray.cluster_resources().get("CPU", 0) / self._cpus)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        reference = self._call.remote(function, *arguments)
        future: Future[Any] = reference.future()
        self._references[future] = reference
        future.add_done_callback(lambda ended: self._references.pop(ended, None))
        return future

    def cancel(self) -> None:
        for reference in list(self._references.values()):
            self._ray.cancel(reference)


def _silence(address: str, seconds: float) -> str:
    """Why nothing listens at `host:port`; empty where something does."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()
    except OSError as error:
        return error.strerror or one_line(error)
    except OverflowError:
        return "no such port"
    return ""


def _ending_with_a_signal(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a Ray worker, which ends where a signal has asked it to: Ray calls it again in another."""
    value = function(*arguments)
    if isinstance(value, Interrupted):
        os._exit(1)
    return value


class RayLauncher(PoolLauncher):
    """`hydra/launcher=ray`: the workers of a Ray cluster that is there, or of one started on this machine."""

    def __init__(self, address: str | None, num_cpus: int | None, cpus_per_run: float, retries: int) -> None:
        self.address, self.num_cpus, self.cpus_per_run, self.retries = address, num_cpus, cpus_per_run, retries

    @contextmanager
    def pool(self, jobs: int) -> Iterator[Pool]:
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "3")  # of 1 s each; it prints why it cannot connect
        ray = _imported("ray", "ray")
        setting = f"hydra.launcher.address={self.address}"
        if re.fullmatch(r"[^/]+:\d+", self.address or "") and (
            why := _silence(str(self.address), RAY_ANSWERS_WITHIN_S)
        ):
            raise SettingError(f"{setting}: no Ray cluster answers there ({why})")
        own = {"num_cpus": self.num_cpus, "include_dashboard": False} if self.address is None else {}
        try:
            ray.init(address=self.address or "local", log_to_driver=False, logging_level="ERROR", **own)
        except ray.exceptions.AuthenticationError:
            raise SettingError(f"{setting}: {ANOTHER_TOKEN}") from None
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise SettingError(f"{setting}: {one_line(error)[:300]}; {ANOTHER_TOKEN}") from None
        try:
            with OnFirstWrite(self.folder / "ray.log") as told, redirect_stdout(told):  # about workers that died
                yield RayPool(ray, self.cpus_per_run, self.retries)
        finally:
            ray.shutdown()


def _imported(module: str, extra: str) -> Any:
    """An optional library. Raises SettingError when it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise SettingError(
            f"hydra/launcher={extra}: needs {error.name}; pip install -c constraints.txt -e '.[{extra}]'"
        ) from None
