"""The tensors of a state, of any shape, real or complex: their numbers, and the form that they must have."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State
from rnnbench.errors import SettingError

Module = TypeVar("Module", bound=nn.Module)


def nested_tensors(value: Any) -> list[Tensor]:
    """The tensors in a value, in order, also inside its tuples, lists, dictionaries and dataclasses at any depth."""
    if isinstance(value, Tensor):
        return [value]
    if is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, each.name) for each in fields(value)]
    elif isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, tuple | list):
        return []
    return [tensor for element in value for tensor in nested_tensors(element)]


def count_numbers(tensors: Iterable[Tensor]) -> int:
    """How many real numbers the tensors hold: two in a complex one."""
    return sum(tensor.numel() * (2 if tensor.is_complex() else 1) for tensor in tensors)


def in_double(tensor: Tensor) -> Tensor:
    """The tensor in double precision; a complex one stays complex."""
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)


def double_cell(cell: Module) -> Module:
    """The cell (or other module) itself, its parameters and buffers in double precision."""
    cell.double()  # which leaves complex numbers alone
    for tensor in (*cell.parameters(), *cell.buffers()):
        if tensor.is_complex():
            tensor.data = in_double(tensor.data)
    return cell


def example_norms(tensor: Tensor, dimensions: int) -> Tensor:
    """The L2 norm over all but the first dimensions, in float64; of complex numbers with both parts."""
    wide = in_double(tensor.detach())
    return scaled_norm(wide.reshape(*wide.shape[:dimensions], -1), dimensions)


def scaled_norm(tensor: Tensor, dim: int) -> Tensor:
    """The L2 norm along a dimension, also of numbers whose squares are too small or too large for one."""
    largest = tensor.abs().amax(dim, keepdim=True)
    scale = largest.where((largest > 0) & largest.isfinite(), 1)
    norms: Tensor = torch.linalg.vector_norm(tensor / scale, dim=dim) * scale.squeeze(dim)
    return norms


def flattened(state: State) -> Float[Tensor, "batch size"]:
    """All tensors of the state side by side, as real numbers."""
    real = [torch.view_as_real(tensor) if tensor.is_complex() else tensor for tensor in state]
    return torch.cat([tensor.reshape(len(tensor), -1) for tensor in real], dim=1)


def unflattened(numbers: Float[Tensor, "batch size"], like: State) -> State:
    """The state that `flattened` makes these numbers of; `like` has its shapes and types."""
    parts, start = [], 0
    for tensor in like:
        shape = (*tensor.shape[1:], 2) if tensor.is_complex() else tuple(tensor.shape[1:])
        width = math.prod(shape)
        part = numbers[:, start : start + width].reshape(len(numbers), *shape)
        parts.append(torch.view_as_complex(part.contiguous()) if tensor.is_complex() else part)
        start += width
    return tuple(parts)


def check_initial_state(cell: Cell) -> None:
    """Raise SettingError, naming the tensor, unless h is real and (batch, hidden) and the others are numbers that can
    have a gradient, one tensor for each name, with the batch first."""
    with torch.no_grad():
        state = cell.initial_state(2)
    kind, names = type(cell).__name__, ", ".join(cell.state_names)
    if len(state) != len(cell.state_names):
        raise SettingError(f"{kind}: initial_state returns {len(state)} tensors; state_names has {names}; name each")
    for name, tensor in zip(cell.state_names, state, strict=True):
        shape = tuple(tensor.shape)
        fits = (tensor.is_floating_point() or tensor.is_complex()) and shape[:1] == (2,)
        if tensor is state[0]:
            fits = tensor.is_floating_point() and shape == (2, cell.hidden_size)
        if not fits:
            raise SettingError(
                f"{kind}: state tensor {name} is {tensor.dtype} of shape {shape} for a batch of 2; must be in floating "
                f"point, batch first, and {cell.state_names[0]}, the output, real and (2, {cell.hidden_size})"
            )
