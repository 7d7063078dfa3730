"""The torch.mm baseline: the matrix products of a cell's forward and backward pass alone, each one call of torch.mm.

In each step: the products of the state with the recurrent matrices, and in the backward pass those of the gradients
with the same matrices. Once for all steps together: the products of the inputs, and those that make the gradients of
the matrices. Matrices that multiply the same tensor are stacked into one. All results go to memory allocated before.

It is a yardstick, not a lower bound: an implementation with faster products of its own can take less time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rnnbench.backends.fused.frontend.trace import trace
from rnnbench.backends.fused.ir.graph import UnsupportedStepError
from rnnbench.backends.fused.ir.nodes import Input
from rnnbench.backends.fused.ir.schedule import Schedule, make_schedule
from rnnbench.cells import Cell


@dataclass(frozen=True)
class _Product:
    """A matrix, what it multiplies and the result at every step, and memory for the gradients of both."""

    is_recurrent: bool
    matrix: Float[Tensor, "features width"]
    operand: Float[Tensor, "time batch width"]
    result: Float[Tensor, "time batch features"]
    operand_gradient: Float[Tensor, "batch width"]
    matrix_gradient: Float[Tensor, "features width"]

    def forward(self, step: int) -> None:
        torch.mm(self.operand[step], self.matrix.t(), out=self.result[step])

    def backward(self, step: int) -> None:
        torch.mm(self.result[step], self.matrix, out=self.operand_gradient)

    def forward_of_all_steps(self) -> None:
        torch.mm(self.operand.flatten(0, 1), self.matrix.t(), out=self.result.flatten(0, 1))

    def gradient_of_matrix(self) -> None:
        torch.mm(self.result.flatten(0, 1).t(), self.operand.flatten(0, 1), out=self.matrix_gradient)


def multiply_adds(cell: Cell, steps: int, batch: int) -> int | None:
    """The multiplications, each with an addition, in the matrix products of one forward and backward pass.

    A matrix that multiplies the state counts three times in every step: forward, for the gradient of the state and for
    its own. One that multiplies the input counts twice, since the input has no gradient. Elementwise operations do not
    count. None where `step` cannot be traced.
    """
    try:
        schedule = make_schedule(trace(cell).graph, cell.state_names)
    except UnsupportedStepError:
        return None
    return sum(
        steps * batch * features * schedule.graph.width(source) * (3 if _is_recurrent(schedule, source) else 2)
        for source, features in _features_by_source(schedule).items()
    )


def torch_mm_baseline(cell: Cell, steps: int, batch: int) -> Callable[[], None] | None:
    """A function that does the products of one forward and backward pass; None where `step` cannot be traced."""
    try:
        schedule = make_schedule(trace(cell).graph, cell.state_names)
    except UnsupportedStepError:
        return None
    like = next(cell.parameters()).detach()
    products = [
        _product(schedule, features, source, like.new_ones(steps, batch, 1))
        for source, features in _features_by_source(schedule).items()
    ]
    recurrent = [product for product in products if product.is_recurrent]
    of_input = [product for product in products if not product.is_recurrent]

    def run() -> None:
        with torch.no_grad():
            for product in of_input:
                product.forward_of_all_steps()
            for step in range(steps):
                for product in recurrent:
                    product.forward(step)
            for step in reversed(range(steps)):
                for product in recurrent:
                    product.backward(step)
            for product in products:
                product.gradient_of_matrix()

    return run


def _features_by_source(schedule: Schedule) -> dict[int, int]:
    """The operands of the linear maps, and how many features all maps of the same operand have together."""
    features: dict[int, int] = {}
    for linear in schedule.linears:
        source = schedule.source(linear)
        features[source] = features.get(source, 0) + schedule.graph.width(linear)
    return features


def _is_recurrent(schedule: Schedule, source: int) -> bool:
    return not isinstance(schedule.graph.nodes[source], Input)


def _product(schedule: Schedule, features: int, source: int, ones: Float[Tensor, "time batch 1"]) -> _Product:
    width = schedule.graph.width(source)
    return _Product(
        is_recurrent=_is_recurrent(schedule, source),
        matrix=ones.new_full((features, width), 0.01),
        operand=ones.repeat(1, 1, width),
        result=ones.repeat(1, 1, features),
        operand_gradient=ones[0].repeat(1, width),
        matrix_gradient=ones.new_ones(features, width),
    )
