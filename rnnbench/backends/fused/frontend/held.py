"""Tensors that a cell holds where torch does not look: in lists, tuples, dictionaries and plain objects."""

from typing import Any

import torch
from torch import Tensor, nn

from rnnbench.cells import Cell

_DEPTH = 4


def held_by(cell: Cell) -> dict[int, Tensor]:
    """Tensors in the containers and plain objects among the attributes of a cell's modules, by their id."""
    found: dict[int, Tensor] = {}
    for module in cell.modules():
        for name, value in vars(module).items():
            if not name.startswith("_"):
                _collect(value, found, _DEPTH)
    return found


def _collect(value: Any, found: dict[int, Tensor], depth: int) -> None:
    if isinstance(value, Tensor):
        found[id(value)] = value
    elif depth and isinstance(value, (list, tuple, set)):
        for item in value:
            _collect(item, found, depth - 1)
    elif depth and isinstance(value, dict):
        for item in value.values():
            _collect(item, found, depth - 1)
    elif depth and hasattr(value, "__dict__") and not isinstance(value, (nn.Module, type)) and not callable(value):
        _collect(vars(value), found, depth - 1)


def dtype_of(cell: Cell) -> torch.dtype:
    """The type that the cell computes in, that of its parameters."""
    return next(tensor.dtype for tensor in cell.parameters() if tensor.is_floating_point())
