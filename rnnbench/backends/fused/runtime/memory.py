"""Memory for the buffers of a run, used again by the next one.

The system maps fresh memory page by page at the first touch, which can cost as much as the computation; a training loop
needs the same sizes at every step. A block is returned when the last tensor that views it is freed.
"""

import itertools
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LIMIT_BYTES = 256 * 2**20
"""How much free memory is kept."""

_ALIGNMENT = 16
"""Every array in a block begins at a multiple of this many numbers, so that no vector crosses a cache line."""

_lock = threading.RLock()  # a block may be returned while another is borrowed, on the same thread
_free: defaultdict[tuple[torch.dtype, int], list[Tensor]] = defaultdict(list)
_free_bytes = 0


class _BorrowedView(np.ndarray):
    """A view of a block. Tensors made of it keep it alive, and its finaliser returns the block."""

    block: Tensor | None = None

    def __del__(self) -> None:
        if self.block is not None and not sys.is_finalizing():
            _return_block(self.block)


def borrowed(size: int, dtype: torch.dtype) -> Tensor:
    """A flat, uninitialised tensor of this many numbers, in a free block of this size where there is one."""
    block = _free_or_new_block(size, dtype)
    view = block.numpy().view(_BorrowedView)
    view.block = block
    return torch.from_numpy(view)


class BlockLayout:
    """Where arrays of given sizes lie in a block."""

    def __init__(self, sizes: Iterable[int]) -> None:
        sizes = list(sizes)
        rounded = (-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes)
        *starts, self.total = itertools.accumulate(rounded, initial=0)
        self._slices = [slice(start, start + size) for start, size in zip(starts, sizes, strict=True)]

    def arrays(self, block: NDArray[Any]) -> list[NDArray[Any]]:
        """The arrays in a flat block, as views."""
        return [block[part] for part in self._slices]


def _free_or_new_block(size: int, dtype: torch.dtype) -> Tensor:
    global _free_bytes
    with _lock:
        if _free[dtype, size]:
            block = _free[dtype, size].pop()
            _free_bytes -= block.nbytes
            return block
    return torch.empty(size, dtype=dtype)


def _return_block(block: Tensor) -> None:
    """Keep a block for the next run; beyond the limit, drop all free blocks, those of sizes out of use among them."""
    global _free_bytes
    with _lock:
        if _free_bytes + block.nbytes > LIMIT_BYTES:
            _free.clear()
            _free_bytes = 0
        if block.nbytes <= LIMIT_BYTES:
            _free[block.dtype, block.numel()].append(block)
            _free_bytes += block.nbytes
