"""What a lowering is given and gives: values of the step, and tensors that do not depend on its arguments."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnbench.backends.fused.frontend.remedies import BATCH
from rnnbench.backends.fused.frontend.source_lines import line_of, located
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError, is_comparison
from rnnbench.backends.fused.ir.nodes import Node, Parameter

Operand = Any
"""A `Value`, a `Given`, or something of Python's, such as a number."""


class Value(int):
    """The position of a node in the graph; a plain int is a number of the user's."""


@dataclass(frozen=True, eq=False)
class Given:
    """A tensor that is the same at every step: one of the cell's, or computed from those before the loop."""

    path: str
    tensor: Tensor


class Batch(int):
    """The number of examples, which is a size for torch's functions and nothing that Python may compute with."""

    refusal: UnsupportedStepError | None = None
    """Why not, where it was tried."""

    def __repr__(self) -> str:
        return "batch"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return True if self is other else self._refuse(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def _refuse(self, *_: object) -> Any:
        self.refusal = UnsupportedStepError(located(BATCH, line_of(sys._getframe(1))))
        raise self.refusal

    __hash__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __int__ = __float__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __divmod__ = __and__ = __or__ = __xor__ = __lshift__ = (
        __rshift__
    ) = __pow__ = __rpow__ = __neg__ = _refuse


Build = Callable[..., Any]
"""From a graph and the arguments of a function of torch to the value of its result."""


def operand(graph: Graph, argument: Operand) -> int:
    """The position of an argument, a number becoming a constant."""
    if isinstance(argument, Value):
        return int(argument)
    if isinstance(argument, Given):
        return _parameter(graph, argument)
    if is_number(argument):
        return graph.constant(float(argument))
    if isinstance(argument, Batch):
        raise UnsupportedStepError(BATCH)
    raise UnsupportedStepError(f"an argument of type {type(argument).__name__}")


def is_number(argument: Operand) -> bool:
    """Whether an argument is a number of Python or NumPy that is known."""
    return isinstance(argument, (bool, int, float, np.number)) and not isinstance(argument, (Value, Batch))


def node_of(graph: Graph, value: Value) -> Node:
    """The node that a value is."""
    return graph.nodes[int(value)]


def width_of(graph: Graph, argument: Operand, function: str) -> int:
    """The number of features of a value that has them."""
    width = graph.nodes[operand(graph, argument)].width
    if width is None:
        raise UnsupportedStepError(f"{function}() of a scalar")
    return width


def is_condition(graph: Graph, argument: Operand) -> bool:
    """Whether an argument is a comparison."""
    return isinstance(argument, Value) and is_comparison(graph.nodes[int(argument)])


def number_of(graph: Graph, position: int) -> int:
    """A node whose value is a number: a comparison becomes 1 and 0."""
    if not is_comparison(graph.nodes[position]):
        return position
    return graph.apply("where", position, graph.constant(1.0), graph.constant(0.0))


def _parameter(graph: Graph, given: Given) -> int:
    """The node of a tensor that is read elementwise."""
    tensor = given.tensor
    if tensor.is_complex():
        raise UnsupportedStepError(f"{given.path} is complex; write its real and imaginary part as two tensors")
    if tensor.numel() == 1:
        position = graph.add(Parameter(path=given.path))
    elif tensor.numel() == tensor.shape[-1]:
        position = graph.add(Parameter(width=tensor.shape[-1], path=given.path))
    else:
        shape = tuple(tensor.shape)
        raise UnsupportedStepError(f"{given.path} has shape {shape}, not one value per feature, outside a product")
    if tensor.dtype == torch.bool:
        return graph.apply("ne", position, graph.constant(0.0))
    return position
