"""One cell run by two backends, and every number of the two compared."""

from typing import Any

import torch
from torch import Tensor, nn

from rnnbench.backends import Backend, Eager, Fused
from rnnbench.cells import Cell, State


class Formula(Cell):
    """A cell whose step is given: a function of the cell, x and the state. Derive for what it may want."""

    def __init__(self, formula: Any, input_size: int = 3, hidden_size: int = 4) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.U, self.drop = self.input_map(), self.recurrent_map(), nn.Dropout(0.3)
        self.formula = formula

    def step(self, x: Tensor, state: State) -> State:
        result = self.formula(self, x, *state)
        return result if isinstance(result, tuple) else (result,)


def prepared(cell: Cell, dtype: torch.dtype = torch.float64) -> Cell:
    """The cell with weights of a size at which nothing saturates or vanishes."""
    generator = torch.Generator().manual_seed(0)
    cell = cell.to(dtype)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return cell


def drawn(cell: Cell, steps: int, batch: int) -> tuple[Tensor, State]:
    """Inputs and a non-zero initial state, all asking for a gradient."""
    generator = torch.Generator().manual_seed(1)
    dtype = next(cell.parameters()).dtype

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()

    return normal(steps, batch, cell.input_size), tuple(normal(*start.shape) for start in cell.initial_state(batch))


def scalar(outputs: Tensor, final: State) -> Tensor:
    """A loss that weighs every number of the outputs and of the final state differently."""
    terms = [outputs, *final]
    weights = [torch.linspace(0.5, 1.5, term.numel(), dtype=term.dtype).view_as(term) for term in terms]
    return torch.stack([(term * weight).sum() for term, weight in zip(terms, weights, strict=True)]).sum()


def numbers(backend: Backend, cell: Cell, inputs: Tensor, state: State, hooked: bool = True) -> dict[str, Tensor]:
    """Outputs, final state, all gradients, and the gradients that a hook receives, by name."""
    leaves = {"inputs": inputs, **{f"initial_{n}": s for n, s in zip(cell.state_names, state, strict=True)}}
    leaves |= dict(cell.named_parameters())
    received = {name: torch.zeros(len(inputs), *tensor.shape, dtype=tensor.dtype) for name, tensor in zip(
        cell.state_names, state, strict=True)}  # fmt: skip

    def hook(index: int, first: int, gradients: Tensor) -> None:
        received[cell.state_names[index]][first : first + len(gradients)] = gradients

    outputs, final = backend.run(cell, inputs, state, hook if hooked else None)
    for leaf in leaves.values():
        leaf.grad = None
    scalar(outputs, final).backward()  # as probes do; autograd.grad would pass by states that lead to no leaf
    gradients = [leaf.grad for leaf in leaves.values()]
    for leaf in leaves.values():
        leaf.grad = None
    found = {"outputs": outputs.detach()}
    found |= {f"final_{n}": s.detach() for n, s in zip(cell.state_names, final, strict=True)}
    found |= {f"profile_{name}": gradient for name, gradient in received.items()}
    for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True):
        found[f"gradient_{name}"] = torch.zeros_like(leaf) if gradient is None else gradient
    return found


def assert_same_numbers(found: dict[str, Tensor], truth: dict[str, Tensor], tolerance: float) -> None:
    """Every tensor is the other's, within the tolerance times its largest number."""
    assert found.keys() == truth.keys()
    for name, expected in truth.items():
        scale = expected.abs().max().item() if expected.numel() else 0.0
        torch.testing.assert_close(
            found[name], expected, rtol=0, atol=tolerance * scale + 1e-30, msg=lambda m, n=name: f"{n}: {m}"
        )


def assert_same_as_eager(
    cell: Cell, steps: int, batch: int, tolerance: float = 1e-12, *, backend: Backend | None = None, hooked: bool = True
) -> None:
    """A backend, by default the fused loops, and the eager loop give the same numbers from the same seed."""
    inputs, state = drawn(cell, steps, batch)
    found = []
    for each in (backend or Fused(), Eager()):
        torch.manual_seed(0)
        found.append(numbers(each, cell, inputs, state, hooked))
    assert_same_numbers(*found, tolerance)
