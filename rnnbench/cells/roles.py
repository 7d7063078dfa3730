"""Which of a cell's parameters act on the input and which on the state, found by watching one `step`."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from rnnbench.cells.cell import Cell

Role = Literal["input", "recurrent"]

_SUMS = {
    torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__radd__, Tensor.__iadd__,
    torch.sub, Tensor.sub, Tensor.sub_, Tensor.__sub__, Tensor.__rsub__, Tensor.__isub__,
    torch.cat, torch.concat, torch.stack, torch.where, Tensor.where,
}  # fmt: skip


def parameter_roles(cell: Cell) -> dict[str, Role]:
    """The role of each parameter by name: recurrent when it multiplies something computed from the state, else input.

    So is one whose function multiplies it, as in sigma(a) h. A linear map's bias and a normalisation's shift go with
    their weight. A matrix on the concatenation [h, x] is recurrent.
    """
    parameters = dict(cell.named_parameters())
    frozen = {name: parameter.detach() for name, parameter in parameters.items()}
    x = next(iter(frozen.values())).new_zeros(1, cell.input_size)
    state = tuple(tensor.requires_grad_() for tensor in cell.initial_state(1))
    with torch.enable_grad(), _Watch(frozen, x) as watch:
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
    """Notes the parameters, or functions of them, that anything but a sum joins with what depends on the state.

    Only the state requires a gradient, so a tensor that does depends on it.
    """

    def __init__(self, parameters: dict[str, Tensor], x: Tensor) -> None:
        super().__init__()
        self.recurrent: set[str] = set()
        self.made_of = {id(parameter): {name} for name, parameter in parameters.items()}
        """By tensor, the parameters it is a function of, where that is all it is a function of."""
        self.from_input = {id(x)}
        self.alive: list[Tensor] = []  # no id is used twice

    def __torch_function__(self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        operands = _tensors((args, kwargs))
        names = set().union(*(self.made_of.get(id(operand), set()) for operand in operands))
        result = function(*args, **kwargs)
        if any(operand.requires_grad for operand in operands):
            if function not in _SUMS:
                self.recurrent |= names
            return result
        for tensor in _tensors(result):
            self.alive.append(tensor)
            if any(id(operand) in self.from_input for operand in operands):
                self.from_input.add(id(tensor))
            else:
                self.made_of[id(tensor)] = names
        return result


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
