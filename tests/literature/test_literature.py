"""Cells of the literature as papers write them: each runs fused with eager's numbers, or is refused with a reason."""

import literature_cells
import pytest
import torch
from side_by_side import assert_same_numbers, numbers
from torch import Tensor

from rnnbench.backends import Eager, Fused, choose_backend
from rnnbench.cells import Cell, State

FUSED: dict[str, type[Cell]] = literature_cells.own_cells()
EAGER = {
    "MLstm": r"the state tensor C is \(batch, 5, 5\), not \(batch, features\)",
    "UnitaryRnn": r"the state tensor u has dtype torch.complex64; write real tensors",
}
"""Those that only the plain loop runs, and why."""
REFUSED = {name: FUSED.pop(name) for name in EAGER}


def made(kind: type[Cell], inputs: int, hidden: int, dtype: torch.dtype) -> Cell:
    """A cell with weights of its own rule, moved a little so that no gradient vanishes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        cell = kind(inputs, hidden)
    generator = torch.Generator().manual_seed(1)
    if type(cell).initialise is not Cell.initialise:
        cell.initialise(generator)
    cell = cell.to(dtype)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return cell


def arguments(cell: Cell, steps: int, batch: int) -> tuple[Tensor, State]:
    generator = torch.Generator().manual_seed(2)
    dtype = next(cell.parameters()).dtype
    inputs = torch.randn(steps, batch, cell.input_size, generator=generator, dtype=torch.float64).to(dtype)
    state = []
    with torch.no_grad():
        for tensor in cell.initial_state(batch):
            moved = tensor.abs() + 0.2 * torch.rand(tensor.shape, generator=generator, dtype=torch.float64).to(dtype)
            state.append(moved.detach().requires_grad_())
    return inputs.requires_grad_(), tuple(state)


def assert_agrees(cell: Cell, tolerance: float) -> None:
    """Eager and fused give the same numbers, all of them finite, from the same seed."""
    inputs, state = arguments(cell, 7, 3)
    found = []
    for backend in (Fused(), Eager()):
        torch.manual_seed(5)
        found.append(numbers(backend, cell, inputs, state))
    assert all(tensor.isfinite().all() for tensor in found[1].values())
    assert_same_numbers(*found, tolerance)


@pytest.mark.parametrize(("name", "training"), [*((name, True) for name in FUSED), ("ZoneoutLstm", False)])
def test_fused_runs_the_cell_with_the_numbers_of_eager(interpret: None, name: str, training: bool) -> None:
    cell = made(FUSED[name], 3, 6, torch.float64).train(training)
    assert isinstance(choose_backend(cell), Fused), Fused().unsupported_reason(cell)
    assert_agrees(cell, 1e-12)


@pytest.mark.parametrize("name", EAGER)
def test_what_fused_refuses_it_names(name: str) -> None:
    cell = made(REFUSED[name], 3, 5, torch.float32)
    assert isinstance(choose_backend(cell), Eager)
    with pytest.raises(ValueError, match=EAGER[name]):
        choose_backend(cell, "fused")
    outputs, _ = Eager().run(cell, torch.zeros(4, 2, 3), cell.initial_state(2))
    assert outputs.shape == (4, 2, 5)
