"""Which of a cell's parameters act on the input and which on the state, observed in one call of `step`."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from rnnbench.cells import Cell
from rnnbench.cells.states import nested_tensors

Role = Literal["input", "recurrent"]

_SUMS = {
    torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__radd__, Tensor.__iadd__,
    torch.sub, Tensor.sub, Tensor.sub_, Tensor.__sub__, Tensor.__rsub__, Tensor.__isub__,
    torch.cat, torch.concat, torch.stack, torch.where, Tensor.where,
}  # fmt: skip


def parameter_roles(cell: Cell) -> dict[str, Role]:
    """The role of each parameter by name: recurrent when it multiplies something computed from the state, else input.

    A parameter is also recurrent when a function of it multiplies the state, as in sigma(a) h. A bias of a linear map
    has the role of its weight, a normalisation's shift that of its scale. A matrix on the concatenation [h, x] is
    recurrent, and so is a learned initial state.
    """
    parameters = dict(cell.named_parameters())
    frozen = {name: parameter.detach() for name, parameter in parameters.items()}
    x = cell.zeros(1, cell.input_size)
    state = tuple(tensor.detach().requires_grad_() for tensor in cell.initial_state(1))
    starts = {id(start) for start in cell.learned_starts()}
    with torch.enable_grad(), _RoleObserver(frozen, x) as observer:
        torch.func.functional_call(_Step(cell), {f"cell.{name}": value for name, value in frozen.items()}, (x, state))
    return {
        name: "recurrent" if name in observer.recurrent or id(parameter) in starts else "input"
        for name, parameter in parameters.items()
    }


class _Step(torch.nn.Module):
    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return self.cell.step(x, state)


class _RoleObserver(TorchFunctionMode):
    """Records the parameters that, directly or through functions of them, any operation but a sum combines with a
    tensor that depends on the state.

    Only the state requires a gradient, so a tensor that requires one depends on the state.
    """

    def __init__(self, parameters: dict[str, Tensor], x: Tensor) -> None:
        super().__init__()
        self.recurrent: set[str] = set()
        self.made_of = {id(parameter): {name} for name, parameter in parameters.items()}
        """By tensor, the parameters it is a function of, for tensors that depend on parameters alone."""
        self.from_input = {id(x)}
        self.alive: list[Tensor] = []  # keeps tensors from being freed, so that no id is used twice

    def __torch_function__(self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        operands = nested_tensors((args, kwargs))
        names = set().union(*(self.made_of.get(id(operand), set()) for operand in operands))
        result = function(*args, **kwargs)
        if any(operand.requires_grad for operand in operands):
            if function not in _SUMS:
                self.recurrent |= names
            return result
        for tensor in nested_tensors(result):
            self.alive.append(tensor)
            if any(id(operand) in self.from_input for operand in operands):
                self.from_input.add(id(tensor))
            else:
                self.made_of[id(tensor)] = names
        return result
