"""Memory for the buffers of a run, used again by the next one.

The system hands out fresh memory page by page at the first touch, which can cost as much as the computation; a training
loop asks for the same sizes at every step. A block is given back when the last tensor that lies in it is gone.
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
"""How much memory is kept for later."""

_ALIGNMENT = 16
"""Every piece of a block begins at a multiple of so many numbers, so that no vector crosses a line of the cache."""

_lock = threading.RLock()  # a block may be given back while another is asked for, on the same thread
_free: defaultdict[tuple[torch.dtype, int], list[Tensor]] = defaultdict(list)
_free_bytes = 0


class _BorrowedView(np.ndarray):
    """A view of a block. Tensors made of it keep it alive, and its end gives the block back."""

    block: Tensor | None = None

    def __del__(self) -> None:
        if self.block is not None and not sys.is_finalizing():
            _return_block(self.block)


def borrowed(size: int, dtype: torch.dtype) -> Tensor:
    """A flat tensor of unset values."""
    block = _free_or_new_block(size, dtype)
    lease = block.numpy().view(_BorrowedView)
    lease.block = block
    return torch.from_numpy(lease)


class BlockLayout:
    """Where pieces of given sizes lie in a block."""

    def __init__(self, sizes: Iterable[int]) -> None:
        sizes = list(sizes)
        rounded = (-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes)
        *begins, self.total = itertools.accumulate(rounded, initial=0)
        self._slices = [slice(begin, begin + size) for begin, size in zip(begins, sizes, strict=True)]

    def pieces(self, block: NDArray[Any]) -> list[NDArray[Any]]:
        """The pieces of a flat block."""
        return [block[place] for place in self._slices]


def _free_or_new_block(size: int, dtype: torch.dtype) -> Tensor:
    global _free_bytes
    with _lock:
        if _free[dtype, size]:
            block = _free[dtype, size].pop()
            _free_bytes -= block.nbytes
            return block
    return torch.empty(size, dtype=dtype)


def _return_block(block: Tensor) -> None:
    """Keep a block; what is kept for sizes that are no longer asked for goes when there is too much."""
    global _free_bytes
    with _lock:
        if _free_bytes + block.nbytes > LIMIT_BYTES:
            _free.clear()
            _free_bytes = 0
        if block.nbytes <= LIMIT_BYTES:
            _free[block.dtype, block.numel()].append(block)
            _free_bytes += block.nbytes
