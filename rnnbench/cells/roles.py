"""Which of a cell's parameters act on the input and which on the state, found by watching one `step`."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from rnnbench.cells.cell import Cell

Role = Literal["input", "recurrent"]

_PRODUCTS = {
    functional.linear, torch.matmul, Tensor.matmul, Tensor.__matmul__, Tensor.__rmatmul__, torch.mm, Tensor.mm,
    torch.addmm, torch.einsum, torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__, torch.addcmul,
}  # fmt: skip


def parameter_roles(cell: Cell) -> dict[str, Role]:
    """The role of each parameter by name: recurrent when it multiplies something computed from the state, else input.

    A linear map's bias goes with its weight. A matrix on the concatenation [h, x] is recurrent.
    """
    parameters = dict(cell.named_parameters())
    frozen = {name: parameter.detach() for name, parameter in parameters.items()}
    x = next(iter(frozen.values())).new_zeros(1, cell.input_size)
    state = tuple(tensor.requires_grad_() for tensor in cell.initial_state(1))
    with torch.enable_grad(), _Watch(frozen) as watch:
        torch.func.functional_call(_Step(cell), {f"cell.{name}": value for name, value in frozen.items()}, (x, state))
    return {name: "recurrent" if name in watch.recurrent else "input" for name in parameters}


class _Step(torch.nn.Module):
    """A cell whose call is its `step`, for functional_call."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return self.cell.step(x, state)


class _Watch(TorchFunctionMode):
    """Notes the parameters that enter a product together with a tensor that depends on the state.

    Only the state requires a gradient, so a tensor that does depends on it.
    """

    def __init__(self, parameters: dict[str, Tensor]) -> None:
        super().__init__()
        self.names = {id(parameter): name for name, parameter in parameters.items()}
        self.recurrent: set[str] = set()

    def __torch_function__(self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        operands = [operand for operand in [*args, *kwargs.values()] if isinstance(operand, Tensor)]
        if function in _PRODUCTS and any(operand.requires_grad for operand in operands):
            self.recurrent.update(self.names[id(operand)] for operand in operands if id(operand) in self.names)
        return function(*args, **kwargs)
