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

_Block = NDArray[Any]

_lock = threading.RLock()  # a block may be returned while another is borrowed, on the same thread
_free: defaultdict[tuple[torch.dtype, int], list[_Block]] = defaultdict(list)
_free_bytes = 0


class _BorrowedView(np.ndarray):
    """A view of a block. Tensors made of it keep it alive, and its finaliser returns the block."""

    block: _Block | None = None
    blocks: list[_Block]
    """Where it is returned to."""

    def __del__(self) -> None:
        if self.block is not None and not sys.is_finalizing():
            _return_block(self.block, self.blocks)


def borrowed(size: int, dtype: torch.dtype) -> Tensor:
    """A flat, uninitialised tensor of this many numbers, in a free block of this size where there is one."""
    global _free_bytes
    block = None
    with _lock:
        blocks = _free[dtype, size]
        if blocks:
            block = blocks.pop()
            _free_bytes -= block.nbytes
    if block is None:
        block = _allocated(size, dtype)
    view = block.view(_BorrowedView)
    view.block, view.blocks = block, blocks
    # An operation of torch returns the loan, and none the block: measured memory is what is on loan, not what is kept.
    return torch.from_numpy(view).detach()


def _allocated(size: int, dtype: torch.dtype) -> _Block:
    """New memory that begins on a cache line."""
    line, nbytes = 64, size * dtype.itemsize
    numbers = np.empty(nbytes + line, np.uint8)
    start = -numbers.ctypes.data % line
    return numbers[start : start + nbytes].view(str(dtype).removeprefix("torch."))


class BlockLayout:
    """Where arrays of given sizes lie in a block."""

    def __init__(self, sizes: Iterable[int], dtype: torch.dtype) -> None:
        sizes = list(sizes)
        rounded = (-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes)
        *starts, self.total = itertools.accumulate(rounded, initial=0)
        self.dtype = dtype
        self._slices = [slice(start, start + size) for start, size in zip(starts, sizes, strict=True)]

    def block(self) -> Tensor:
        """A borrowed block."""
        return borrowed(self.total, self.dtype)

    def arrays(self, block: Tensor) -> list[NDArray[Any]]:
        """The arrays in a block, as views."""
        numbers = block.numpy()
        return [numbers[part] for part in self._slices]


def _return_block(block: _Block, blocks: list[_Block]) -> None:
    """Keep a block for the next run; beyond the limit, drop all free blocks, those of sizes out of use among them."""
    global _free_bytes
    with _lock:
        if _free_bytes + block.nbytes > LIMIT_BYTES:
            for each in _free.values():
                each.clear()
            _free_bytes = 0
        if block.nbytes <= LIMIT_BYTES:
            blocks.append(block)
            _free_bytes += block.nbytes
