"""Memory for the buffers of a run, used again by the next one.

The system hands out fresh memory page by page at the first touch, which can cost as much as the computation; a training
loop asks for the same sizes at every step. A block is given back when the last tensor that lies in it is gone.
"""

import math
import weakref
from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

LIMIT_BYTES = 256 * 2**20
"""How much memory is kept for later."""

_free: defaultdict[tuple[torch.dtype, int], list[Tensor]] = defaultdict(list)
_free_bytes = 0


class _Lease(np.ndarray):
    """A view of a block. Tensors made of it keep it alive, and its end gives the block back."""


def leased(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A tensor of unset values."""
    global _free_bytes
    kept = _free[dtype, math.prod(shape)]
    if kept:
        block = kept.pop()
        _free_bytes -= block.nbytes
    else:
        block = torch.empty(math.prod(shape), dtype=dtype)
    lease = block.numpy().view(_Lease)
    weakref.finalize(lease, _give_back, block).atexit = False
    return torch.from_numpy(lease).view(shape)


def _give_back(block: Tensor) -> None:
    global _free_bytes
    if _free_bytes + block.nbytes <= LIMIT_BYTES:
        _free[block.dtype, block.numel()].append(block)
        _free_bytes += block.nbytes
