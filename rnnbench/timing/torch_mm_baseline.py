"""The torch.mm baseline: the matrix products of a cell's forward and backward pass alone, each one call of torch.mm.

In each step: the products of the state with the recurrent matrices, and in the backward pass those of the gradients
with the same matrices. Once for all steps together: the products of the inputs, and those that make the gradients of
the matrices. Matrices that multiply the same tensor are stacked into one. All results go to memory allocated before.

It is a yardstick, not a lower bound: an implementation with faster products of its own can take less time.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from rnnbench.backends.fused.frontend.trace import trace
from rnnbench.backends.fused.ir.graph import UnsupportedStepError
from rnnbench.backends.fused.ir.nodes import Input
from rnnbench.backends.fused.ir.schedule import make_schedule
from rnnbench.cells import Cell


class _Source(NamedTuple):
    """What linear maps of a step multiply: its width, and how many features all maps of it have together."""

    width: int
    features: int
    is_recurrent: bool


def _sources(cell: Cell) -> list[_Source] | None:
    try:
        schedule = make_schedule(trace(cell).graph, cell.state_names)
    except UnsupportedStepError:
        return None
    graph, features = schedule.graph, Counter[int]()
    for linear in schedule.linears:
        features[schedule.source(linear)] += graph.width(linear)
    return [
        _Source(graph.width(source), count, not isinstance(graph.nodes[source], Input))
        for source, count in features.items()
    ]


def multiply_adds(cell: Cell, steps: int, batch: int) -> int | None:
    """The multiplications, each with an addition, in the matrix products of one forward and backward pass.

    A matrix that multiplies the state counts three times in every step: forward, for the gradient of the state and for
    its own. One that multiplies the input counts twice, since the input has no gradient. Elementwise operations do not
    count. None where `step` cannot be traced.
    """
    sources = _sources(cell)
    if sources is None:
        return None
    return steps * batch * sum(each.features * each.width * (3 if each.is_recurrent else 2) for each in sources)


@dataclass(frozen=True)
class _Product:
    """A matrix, what it multiplies and the result at every step, and memory for the gradients of both."""

    matrix: Float[Tensor, "features width"]
    operand: Float[Tensor, "time batch width"]
    result: Float[Tensor, "time batch features"]
    operand_gradient: Float[Tensor, "batch width"]
    matrix_gradient: Float[Tensor, "features width"]


def torch_mm_baseline(cell: Cell, steps: int, batch: int) -> Callable[[], None] | None:
    """A function that does the products of one forward and backward pass; None where `step` cannot be traced."""
    sources = _sources(cell)
    if sources is None:
        return None
    ones = next(cell.parameters()).detach().new_ones(steps, batch, 1)
    products = [
        _Product(
            matrix=ones.new_full((each.features, each.width), 0.01),
            operand=ones.repeat(1, 1, each.width),
            result=ones.repeat(1, 1, each.features),
            operand_gradient=ones[0].repeat(1, each.width),
            matrix_gradient=ones.new_ones(each.features, each.width),
        )
        for each in sources
    ]
    recurrent = [product for product, each in zip(products, sources, strict=True) if each.is_recurrent]
    of_input = [product for product, each in zip(products, sources, strict=True) if not each.is_recurrent]

    def run() -> None:
        with torch.no_grad():
            for each in of_input:
                torch.mm(each.operand.flatten(0, 1), each.matrix.t(), out=each.result.flatten(0, 1))
            for step in range(steps):
                for each in recurrent:
                    torch.mm(each.operand[step], each.matrix.t(), out=each.result[step])
            for step in reversed(range(steps)):
                for each in recurrent:
                    torch.mm(each.result[step], each.matrix, out=each.operand_gradient)
            for each in products:
                torch.mm(each.result.flatten(0, 1).t(), each.operand.flatten(0, 1), out=each.matrix_gradient)

    return run
