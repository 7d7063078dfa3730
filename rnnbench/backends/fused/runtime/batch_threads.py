"""Threads over the batch: each takes some examples through the whole loop.

The examples of a batch do not interact inside a loop, so the threads need no barrier; the loops release Python's lock.
"""

import ctypes
import itertools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

ROWS_PER_THREAD = 10
"""The fewest examples that are worth a thread: with fewer, the matrix products are too small to keep a core busy."""

WORK_PER_THREAD = 5e7
"""The fewest multiply-adds of the forward pass that are worth a thread: with fewer, waking it costs what it saves."""

BatchRange = tuple[int, int]
"""The examples [start, stop) of a batch."""


def batch_ranges(batch: int, work: float, threads: int) -> list[BatchRange]:
    """The examples of every thread: as many ranges as the threads, the batch and the work (multiply-adds) allow."""
    count = max(1, min(threads, batch // ROWS_PER_THREAD, int(work / WORK_PER_THREAD)))
    edges = [batch * index // count for index in range(count + 1)]
    return list(itertools.pairwise(edges))


def run_on_threads(run: Callable[..., None], arguments: Sequence[Sequence[Any]]) -> None:
    """Call run(*arguments) for each thread, the first on this one; returns when all are done."""
    first, *others = arguments
    if others and len(others) not in _workers:
        _workers[len(others)] = _Workers(len(others))
    waiting = [_workers[len(others)].submit(run, *each) for each in others]
    run(*first)
    for future in waiting:
        future.result()


class _Workers:
    """Threads that stay off the core of the thread that calls them.

    Linux sometimes wakes a thread on the core of its caller and migrates it only some milliseconds later, after the
    work is done.
    """

    def __init__(self, count: int) -> None:
        self.ids: list[int] = []
        self.core = -1
        self.pool = ThreadPoolExecutor(count, thread_name_prefix="rnnbench-fused", initializer=self._register)
        started = threading.Barrier(count)
        list(self.pool.map(lambda _: started.wait(), range(count)))

    def _register(self) -> None:
        self.ids.append(threading.get_native_id())

    def submit(self, run: Callable[..., None], *arguments: Any) -> Future[None]:
        """Run on a worker, after moving the workers off the core that the caller is on now."""
        if (core := _core_finder()()) != self.core:
            self.core, allowed = core, os.sched_getaffinity(0)
            for thread in self.ids:
                os.sched_setaffinity(thread, allowed - {core} or allowed)
        return self.pool.submit(run, *arguments)


_workers: dict[int, _Workers] = {}
"""The workers by their number, started at their first use."""
os.register_at_fork(after_in_child=_workers.clear)  # threads do not survive a fork


@cache
def _core_finder() -> Callable[[], int]:
    """What gives the core that a thread runs on; -1 where the system does not report it."""
    library = ctypes.CDLL(None) if os.name == "posix" else None
    is_known = hasattr(library, "sched_getcpu") and hasattr(os, "sched_setaffinity")
    return library.sched_getcpu if library is not None and is_known else lambda: -1
