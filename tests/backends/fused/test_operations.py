"""Every elementwise operation by itself in a step: values and gradients against torch, also at kinks and infinity."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from side_by_side import Formula
from torch import Tensor
from torch.nn import functional

from rnnbench.backends import Eager, Fused
from rnnbench.backends.fused.ir.nodes import COMPARISONS
from rnnbench.backends.fused.ir.operations import OPERATIONS

POINTS = [-2.6, -1.1, -0.4, -0.3, -0.0, 0.0, 0.2, 0.6, 0.9, 1.7, 30.0, -30.0, math.inf, -math.inf, math.nan]
SETTINGS: dict[str, list[float]] = {"clamp_min": [-0.4], "clamp_max": [0.6], "pow": [3.0]}
"""Operands that are numbers in every use."""
CALLS: dict[str, Callable[..., Tensor]] = {
    **{f"torch.{name}": getattr(torch, name) for name in OPERATIONS if hasattr(torch, name)},
    **{name: getattr(Tensor, name) for name in OPERATIONS if hasattr(Tensor, name)},
    "copy": torch.clone,
    "softplus": lambda a: functional.softplus(a, 1.5, 2.0),
    "torch.where": lambda a, b: torch.where(a > b, a, b),
    "where": lambda a, b: a.where(a > b, b),
}


@pytest.mark.parametrize("call", CALLS)
def test_operations_and_their_gradients_are_those_of_torch(interpret: None, call: str) -> None:
    name, points = call.removeprefix("torch."), torch.tensor(POINTS, dtype=torch.float64)
    count = 2 if name == "where" else len(OPERATIONS[name].gradients)
    points = points.abs() if name in ("log", "log1p", "sqrt") else points

    def formula(cell: Any, x: Tensor, a: Tensor, b: Tensor) -> Any:
        y = CALLS[call](*(a, b)[:count], *SETTINGS.get(name, []))
        return (torch.where(y, a, 2 * b) if name in COMPARISONS else y) + 0 * cell.W(x), b

    cell, found = Formula(formula, 1, 1).double(), []
    cell.state_names = ("a", "b")
    assert Fused().unsupported_reason(cell) is None
    for backend in (Fused(), Eager()):
        a, b = points.repeat_interleave(len(points)), points.repeat(len(points))
        state = tuple(each.unsqueeze(1).requires_grad_() for each in (a, b))
        outputs, _ = backend.run(cell, torch.zeros(1, len(a), 1, dtype=torch.float64), state)
        upstream = torch.linspace(-1.5, 2.0, outputs.numel(), dtype=torch.float64).view_as(outputs)
        gradients = torch.autograd.grad(outputs, state, upstream, materialize_grads=True)
        found.append((outputs.detach(), *gradients))
    torch.testing.assert_close(*found, rtol=1e-12, atol=0, equal_nan=True)
