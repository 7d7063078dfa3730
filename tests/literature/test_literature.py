"""Cells of the literature as papers write them: each runs fused with eager's numbers, or is refused with a reason."""

import literature_cells
import numpy as np
import pytest
import torch
from interpreted import interpreted
from side_by_side import scalar
from torch import Tensor

import rnnbench.backends.fused.runtime.run as fused_run
from rnnbench.backends import Backend, Eager, Fused, choose_backend
from rnnbench.cells import Cell, State

FUSED: dict[str, type[Cell]] = literature_cells.own_cells()
EAGER = {
    "MLstm": r"the state tensor C is \(batch, 5, 5\), not \(batch, features\)",
    "AdaptiveRnn": r"a value of a tensor in Python, __bool__\(\) on line \d+ of literature_cells.py; write torch.where",
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


def numbers(backend: Backend, cell: Cell, inputs: Tensor, state: State) -> dict[str, Tensor]:
    """Outputs, final state, all gradients, and the gradients that a hook receives."""
    names = [f"profile_{name}" for name in cell.state_names]
    received = {n: inputs.new_zeros(len(inputs), *tensor.shape) for n, tensor in zip(names, state, strict=True)}

    def hook(index: int, first: int, gradients: Tensor) -> None:
        received[names[index]][first : first + len(gradients)] = gradients

    torch.manual_seed(5)
    outputs, final = backend.run(cell, inputs, state, hook)
    leaves = {"inputs": inputs, **dict(zip(cell.state_names, state, strict=True))}
    leaves |= {name: parameter for name, parameter in cell.named_parameters() if parameter.requires_grad}
    gradients = torch.autograd.grad(scalar(outputs, final), list(leaves.values()), allow_unused=True)
    found = {"outputs": outputs.detach()} | {
        f"final_{n}": f.detach() for n, f in zip(cell.state_names, final, strict=True)
    }
    for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True):
        found[f"gradient_{name}"] = torch.zeros_like(leaf) if gradient is None else gradient
    return found | received


def worst_difference(cell: Cell, steps: int, batch: int) -> float:
    """Between eager and fused, of any number, as a fraction of the largest of its tensor."""
    inputs, state = arguments(cell, steps, batch)
    truth, found = (numbers(backend, cell, inputs, state) for backend in (Eager(), Fused()))
    assert truth.keys() == found.keys()
    worst = 0.0
    for name, expected in truth.items():
        assert found[name].shape == expected.shape
        assert expected.isfinite().all(), name
        scale = expected.abs().max().item() or 1.0
        worst = max(worst, (found[name] - expected).abs().max().item() / scale)
    return worst


@pytest.mark.parametrize(("name", "training"), [*((name, True) for name in FUSED), ("ZoneoutLstm", False)])
def test_fused_runs_the_cell_with_the_numbers_of_eager(
    monkeypatch: pytest.MonkeyPatch, name: str, training: bool
) -> None:
    """Interpreted, without the seconds that compiling takes."""
    monkeypatch.setattr(fused_run, "compiled", interpreted)
    cell = made(FUSED[name], 3, 6, torch.float64).train(training)
    assert isinstance(choose_backend(cell), Fused), Fused().unsupported_reason(cell)
    with np.errstate(all="ignore"):
        assert worst_difference(cell, 7, 3) < 1e-12


@pytest.mark.parametrize("name", EAGER)
def test_what_fused_refuses_it_names(name: str) -> None:
    cell = made(REFUSED[name], 3, 5, torch.float32)
    assert isinstance(choose_backend(cell), Eager)
    with pytest.raises(ValueError, match=EAGER[name]):
        choose_backend(cell, "fused")
    outputs, _ = Eager().run(cell, torch.zeros(4, 2, 3), cell.initial_state(2))
    assert outputs.shape == (4, 2, 5)
