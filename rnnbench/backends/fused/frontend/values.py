"""What a lowering is given and gives: values of the step, and tensors that do not depend on its arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

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


class Batch:
    """The number of examples, which a step does not know while it is traced."""


Build = Callable[..., Any]
"""From a graph and the arguments of a function of torch to the value of its result."""


def operand(graph: Graph, argument: Operand) -> int:
    """The position of an argument, a number becoming a constant."""
    if isinstance(argument, Value):
        return int(argument)
    if isinstance(argument, Given):
        return _parameter(graph, argument)
    if isinstance(argument, (bool, int, float)):
        return graph.constant(float(argument))
    raise UnsupportedStepError(f"an argument of type {type(argument).__name__}")


def node_of(graph: Graph, value: Value) -> Node:
    """The node that a value is."""
    return graph.nodes[int(value)]


def width_of(graph: Graph, argument: Operand, function: str) -> int:
    """The number of features of a value that has them."""
    width = graph.nodes[operand(graph, argument)].width
    if width is None:
        raise UnsupportedStepError(f"{function}() of a scalar")
    return width


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
