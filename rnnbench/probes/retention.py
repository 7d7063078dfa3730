"""What fraction of its old state a cell keeps, and its gates, observed in one call of `step`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from rnnbench.cells import Cell, State

_MATRIX_PRODUCTS = {
    functional.linear, functional.bilinear, torch.matmul, Tensor.matmul, Tensor.__matmul__, Tensor.__rmatmul__,
    torch.mm, Tensor.mm, torch.addmm, Tensor.addmm, torch.bmm, Tensor.bmm, torch.baddbmm, torch.einsum, torch.tensordot,
}  # fmt: skip
_SIGMOIDS = {torch.sigmoid, Tensor.sigmoid, torch.special.expit, functional.hardsigmoid}


@dataclass(frozen=True)
class Retention:
    """What one step keeps: `kept` per state tensor, (batch, hidden) or None where the old tensor has no direct path to
    the new one; `gates`, the output of every sigmoid in the order computed; and the `state` after the step."""

    kept: tuple[Float[Tensor, "batch hidden"] | None, ...]
    gates: tuple[Float[Tensor, "..."], ...]
    state: State


def retention(
    cell: Cell, x: Float[Tensor, "batch input"], state: State, forced: Mapping[int, float] | None = None
) -> Retention:
    """The fraction of its old value that each unit keeps: d state'_j / d state_j with gates and candidate fixed.

    Results of matrix products and sigmoids are treated as constants. For h' = (1 - z) h + z n it is 1 - z, for
    c' = f c + i g it is f. A vanilla RNN has no such path, nor has the h of an LSTM. For a unit with a recurrent weight
    of its own, phi(W x + u h), it is phi' u, of either sign.

    `forced` holds sigmoids at a value, whatever their argument; they are counted from 0 in the order of the step.
    """
    old = tuple(tensor.detach().requires_grad_() for tensor in state)
    with torch.enable_grad(), _FixedGates(forced or {}) as fixed:
        new = cell.step(x, old)
    kept = tuple(_diagonal(after, before) for before, after in zip(old, new, strict=True))
    return Retention(kept, tuple(fixed.gates), tuple(tensor.detach() for tensor in new))


def _diagonal(new: Tensor, old: Tensor) -> Tensor | None:
    """d new_j / d old_j where units no longer mix, so that the sum over the new units differentiates to it."""
    if not new.requires_grad:
        return None
    return torch.autograd.grad(new, old, torch.ones_like(new), retain_graph=True, allow_unused=True)[0]


class _FixedGates(TorchFunctionMode):
    """Detaches the results of matrix products and sigmoids from the graph, and keeps the sigmoids' outputs."""

    def __init__(self, forced: Mapping[int, float]) -> None:
        super().__init__()
        self.forced = forced
        self.gates: list[Tensor] = []

    def __torch_function__(self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in _SIGMOIDS:
            value = self.forced.get(len(self.gates))
            result = result.detach() if value is None else torch.full_like(result, value)
            self.gates.append(result)
        elif function in _MATRIX_PRODUCTS:
            result = result.detach()
        return result
