"""Memory for the buffers of a run, used again by the next one.

The system hands out fresh memory page by page at the first touch, which can cost as much as the computation; a training
loop asks for the same sizes at every step. A block is given back when the last tensor that lies in it is gone.
"""

import itertools
import threading
import weakref
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


class _Lease(np.ndarray):
    """A view of a block. Tensors made of it keep it alive, and its end gives the block back."""


def leased(size: int, dtype: torch.dtype) -> Tensor:
    """A flat tensor of unset values."""
    block = _taken(size, dtype)
    lease = block.numpy().view(_Lease)
    weakref.finalize(lease, _give_back, block).atexit = False
    return torch.from_numpy(lease)


def edges(sizes: Iterable[int]) -> list[int]:
    """Where pieces of these sizes begin in a block, and last the size of the block."""
    rounded = (-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes)
    return list(itertools.accumulate(rounded, initial=0))


def pieces(block: NDArray[Any], sizes: Iterable[int]) -> list[NDArray[Any]]:
    """The pieces of a block, or of every row of it."""
    sizes = list(sizes)
    return [block[..., begin : begin + size] for begin, size in zip(edges(sizes), sizes, strict=False)]


def _taken(size: int, dtype: torch.dtype) -> Tensor:
    global _free_bytes
    with _lock:
        if _free[dtype, size]:
            block = _free[dtype, size].pop()
            _free_bytes -= block.nbytes
            return block
    return torch.empty(size, dtype=dtype)


def _give_back(block: Tensor) -> None:
    """Keep a block; what is kept for sizes that are no longer asked for goes when there is too much."""
    global _free_bytes
    with _lock:
        if _free_bytes + block.nbytes > LIMIT_BYTES:
            _free.clear()
            _free_bytes = 0
        if block.nbytes <= LIMIT_BYTES:
            _free[block.dtype, block.numel()].append(block)
            _free_bytes += block.nbytes
