"""Every elementwise operation as torch has it, and a graph evaluated by these."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from rnnbench.backends.fused.ir.graph import Graph
from rnnbench.backends.fused.ir.nodes import Constant, Elementwise, StoredGradient

SPECIAL: dict[str, Callable[..., Tensor]] = {
    "copy": lambda x: x,
    "clamp_min": lambda x, low: torch.clamp(x, min=float(low)),
    "clamp_max": lambda x, high: torch.clamp(x, max=float(high)),
    "pow": lambda x, exponent: torch.pow(x, float(exponent)),
    "softplus": lambda x, beta, threshold: functional.softplus(x, float(beta), float(threshold)),
}
"""Those that are not the function of torch of the same name."""


def function_of(operation: str) -> Callable[..., Tensor]:
    """The operation as a function of tensors."""
    return SPECIAL.get(operation) or getattr(torch, operation)


def evaluated(graph: Graph, given: dict[int, Tensor]) -> list[Tensor]:
    """The value of every node of a graph of elementwise nodes, given those of leaves and of buffers."""
    values: list[Any] = []
    for position, node in enumerate(graph.nodes):
        if isinstance(node, Constant):
            values.append(torch.tensor(node.number, dtype=torch.float64))
        elif isinstance(node, Elementwise):
            values.append(function_of(node.operation)(*(values[operand] for operand in node.operands)))
        elif isinstance(node, StoredGradient):
            values.append(values[node.operands[0]])
        else:
            values.append(given.get(position))
    return values
