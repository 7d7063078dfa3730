"""Memory for the buffers of a run, used again by the next one.

The system hands out fresh memory page by page at the first touch, which can cost as much as the computation; a training
loop asks for the same sizes at every step. A block is given back when the last tensor that lies in it is gone.
"""

import math
import threading
import weakref
from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

LIMIT_BYTES = 256 * 2**20
"""How much memory is kept for later."""

_lock = threading.RLock()  # a block may be given back while another is asked for, on the same thread
_free: defaultdict[tuple[torch.dtype, int], list[Tensor]] = defaultdict(list)
_free_bytes = 0


class _Lease(np.ndarray):
    """A view of a block. Tensors made of it keep it alive, and its end gives the block back."""


def leased(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A tensor of unset values."""
    block = _taken(math.prod(shape), dtype)
    lease = block.numpy().view(_Lease)
    weakref.finalize(lease, _give_back, block).atexit = False
    return torch.from_numpy(lease).view(shape)


def _taken(count: int, dtype: torch.dtype) -> Tensor:
    global _free_bytes
    with _lock:
        if _free[dtype, count]:
            block = _free[dtype, count].pop()
            _free_bytes -= block.nbytes
            return block
    return torch.empty(count, dtype=dtype)


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
