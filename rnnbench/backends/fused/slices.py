"""Slices of the batch, each on a thread of its own through the whole loop.

The examples of a batch do not meet inside a loop, so the threads need no barrier; the loops release Python's lock.
"""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

ROWS_PER_THREAD = 24
"""The fewest rows that are worth a thread: below, the products of a slice are too flat to keep a core busy."""

_pools: dict[int, ThreadPoolExecutor] = {}
os.register_at_fork(after_in_child=_pools.clear)  # threads do not survive a fork


def slices(batch: int) -> list[tuple[int, int]]:
    """The first and last row of every slice, as many as torch may use threads and the batch can feed."""
    count = max(1, min(torch.get_num_threads(), batch // ROWS_PER_THREAD))
    edges = [batch * index // count for index in range(count + 1)]
    return list(itertools.pairwise(edges))


def over_slices(run: Callable[[int, int, int], None], parts: list[tuple[int, int]]) -> None:
    """run(index, first, last) for every slice, the first on this thread."""
    pool = _pool(len(parts) - 1) if len(parts) > 1 else None
    waiting = [pool.submit(run, index, *part) for index, part in enumerate(parts) if index and pool]
    run(0, *parts[0])
    for future in waiting:
        future.result()


def _pool(threads: int) -> ThreadPoolExecutor:
    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads, thread_name_prefix="rnnbench-fused")
    return _pools[threads]
