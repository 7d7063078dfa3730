"""What a lowering is given and gives: values of the step, and tensors that do not depend on its arguments."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.fx.node import map_aggregate

from rnnbench.backends.fused.frontend.source_lines import line_of, located
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError, is_comparison
from rnnbench.backends.fused.ir.nodes import Parameter

Operand = Any
"""A `Value`, a `Given`, or something of Python's, such as a number."""

Build = Callable[..., Any]
"""From a graph and the arguments of a function of torch to the value of its result."""


class Value(int):
    """The position of a node in the graph; a plain int is a number of the user's."""

    def __repr__(self) -> str:
        return f"node {int(self)}"


@dataclass(frozen=True, eq=False)
class Given:
    """A tensor that is the same at every step: one of the cell's, or computed from those before the loop."""

    path: str
    tensor: Any
    """As it was when the step was recorded; of a function that gives several, all of them."""
    function: Callable[..., Any] | None = None
    """What computes it; None for one of the cell's."""
    operands: tuple[Any, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.path


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
        reason = "the number of examples used as a number of Python; use it as a size, x.new_zeros(x.shape[0], width)"
        self.refusal = UnsupportedStepError(located(reason, line_of(sys._getframe(1))))
        raise self.refusal

    __hash__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __int__ = __float__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __divmod__ = __and__ = __or__ = __xor__ = __lshift__ = (
        __rshift__
    ) = __pow__ = __rpow__ = __neg__ = _refuse


def operand(graph: Graph, argument: Operand) -> int:
    """The position of an argument, a number becoming a constant."""
    if isinstance(argument, Value):
        return int(argument)
    if isinstance(argument, Given):
        return _parameter(graph, argument)
    if is_number(argument):
        return graph.constant(float(argument))
    raise UnsupportedStepError(f"an argument of type {type(argument).__name__}")


def is_number(argument: Operand) -> bool:
    """Whether an argument is a number of Python or NumPy that is known."""
    return isinstance(argument, (bool, int, float, np.number)) and not isinstance(argument, (Value, Batch))


def all_of(kind: type | tuple[type, ...], arguments: Any) -> list[Any]:
    """What is of a type among the arguments of a function."""
    found: list[Any] = []
    map_aggregate(arguments, lambda value: found.append(value) if isinstance(value, kind) else None)
    return found


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
    tensor = given.tensor
    if tensor.is_complex() or tensor.numel() not in (1, tensor.shape[-1] if tensor.dim() else 1):
        shape = tuple(tensor.shape)
        raise UnsupportedStepError(f"{given.path} of shape {shape}, not one real number per feature, outside a product")
    width = None if tensor.numel() == 1 else tensor.shape[-1]
    position = graph.add(Parameter(width=width, path=given.path))
    return graph.apply("ne", position, graph.constant(0.0)) if tensor.dtype == torch.bool else position
