"""Which of a cell's matrices act on the input and which on the state, found by running its step."""

from typing import Literal

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell

Role = Literal["input", "recurrent"]


def parameter_roles(cell: Cell) -> dict[str, Role]:
    """The role of each matrix by parameter name: recurrent when what it multiplies depends on the state."""
    at_zero, at_one = (_arguments(cell, state) for state in (0.0, 1.0))
    return {
        name: "input" if torch.equal(at_zero[name], at_one[name]) else "recurrent" for name in at_zero if name in at_one
    }


def _arguments(cell: Cell, state: float) -> dict[str, Tensor]:
    """What each linear map is applied to in one step from a constant state."""
    seen: dict[str, Tensor] = {}
    handles = [
        module.register_forward_pre_hook(
            lambda _, arguments, name=name: seen.update({f"{name}.weight": arguments[0].detach()})
        )
        for name, module in cell.named_modules()
        if isinstance(module, nn.Linear)
    ]
    initial = cell.initial_state(1)
    with torch.no_grad():
        cell.step(initial[0].new_ones(1, cell.input_size), tuple(torch.full_like(tensor, state) for tensor in initial))
    for handle in handles:
        handle.remove()
    return seen
