"""A cell's matrix products and nothing else: what no way of running it can do without.

Per step those with the recurrent matrices and their way back, products that read the same merged into one; over all
steps at once those with the input and those for the weights' gradients. Each is one call of torch into memory that is
there already.
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
    """A matrix, what it reads, and the two results over all steps."""

    is_recurrent: bool
    matrix: Tensor
    read: Tensor
    made: Tensor
    read_gradient: Tensor
    matrix_gradient: Tensor

    def forward(self, step: int) -> None:
        torch.mm(self.read[step], self.matrix.t(), out=self.made[step])

    def backward(self, step: int) -> None:
        torch.mm(self.made[step], self.matrix, out=self.read_gradient)

    def forward_at_once(self) -> None:
        torch.mm(self.read.flatten(0, 1), self.matrix.t(), out=self.made.flatten(0, 1))

    def weigh(self) -> None:
        torch.mm(self.made.flatten(0, 1).t(), self.read.flatten(0, 1), out=self.matrix_gradient)


def torch_mm_baseline(cell: Cell, steps: int, batch: int) -> Callable[[], None] | None:
    """A function that does the products of one forward and backward pass; None where they cannot be read off `step`."""
    try:
        schedule = make_schedule(trace(cell), cell.state_names)
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
                product.forward_at_once()
            for step in range(steps):
                for product in recurrent:
                    product.forward(step)
            for step in reversed(range(steps)):
                for product in recurrent:
                    product.backward(step)
            for product in products:
                product.weigh()

    return run


def _features_by_source(schedule: Schedule) -> dict[int, int]:
    """What the Linears read, and how many features all that read the same make."""
    features: dict[int, int] = {}
    for linear in schedule.linears:
        source = schedule.source(linear)
        features[source] = features.get(source, 0) + schedule.graph.width(linear)
    return features


def _product(schedule: Schedule, features: int, source: int, ones: Float[Tensor, "time batch 1"]) -> _Product:
    width = schedule.graph.width(source)
    return _Product(
        is_recurrent=not isinstance(schedule.graph.nodes[source], Input),
        matrix=ones.new_full((features, width), 0.01),
        read=ones.repeat(1, 1, width),
        made=ones.repeat(1, 1, features),
        read_gradient=ones[0].repeat(1, width),
        matrix_gradient=ones.new_ones(features, width),
    )
