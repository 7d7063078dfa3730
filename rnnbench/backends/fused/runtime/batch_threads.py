"""Slices of the batch, each on a thread of its own through the whole loop.

The examples of a batch do not meet inside a loop, so the threads need no barrier; the loops release Python's lock.
"""

import ctypes
import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

ROWS_PER_THREAD = 10
"""The fewest rows that are worth a thread: below, the products of a slice are too flat to keep a core busy."""

WORK_PER_THREAD = 5e7
"""The fewest multiply-adds of the way forward that are worth a thread: below, waking it up costs what it saves."""

_helpers: dict[int, "_Helpers"] = {}
os.register_at_fork(after_in_child=_helpers.clear)  # threads do not survive a fork


def batch_ranges(batch: int, work: float, threads: int) -> list[tuple[int, int]]:
    """The rows of every thread, [start, stop): as many ranges as the threads, the batch and the work allow."""
    count = max(1, min(threads, batch // ROWS_PER_THREAD, int(work / WORK_PER_THREAD)))
    edges = [batch * index // count for index in range(count + 1)]
    return list(itertools.pairwise(edges))


def run_on_threads(run: Callable[[int, int, int], None], parts: list[tuple[int, int]]) -> None:
    """run(index, start, stop) for every range, the first on this thread."""
    others = list(enumerate(parts))[1:]
    if others and len(others) not in _helpers:
        _helpers[len(others)] = _Helpers(len(others))
    waiting = [_helpers[len(others)].submit(run, index, *part) for index, part in others]
    run(0, *parts[0])
    for future in waiting:
        future.result()


class _Helpers:
    """Threads that stay off the core of the thread that calls them.

    Linux wakes a thread on the core of its caller at times, and moves it only some milliseconds later, when all is
    over.
    """

    def __init__(self, count: int) -> None:
        self.ids: list[int] = []
        self.core = -1
        self.pool = ThreadPoolExecutor(count, thread_name_prefix="rnnbench-fused", initializer=self._note)
        started = threading.Barrier(count)
        list(self.pool.map(lambda _: started.wait(), range(count)))

    def _note(self) -> None:
        self.ids.append(threading.get_native_id())

    def submit(self, run: Callable[..., None], *arguments: int) -> "Future[None]":
        if (core := _core()) != self.core:
            self.core, allowed = core, os.sched_getaffinity(0)
            for thread in self.ids:
                os.sched_setaffinity(thread, allowed - {core} or allowed)
        return self.pool.submit(run, *arguments)


def _core() -> int:
    """The core that this thread is on; -1 where the system does not say."""
    library = _c_library()
    return int(library.sched_getcpu()) if library is not None else -1


@cache
def _c_library() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if os.name == "posix" else None
    return library if hasattr(library, "sched_getcpu") and hasattr(os, "sched_setaffinity") else None
