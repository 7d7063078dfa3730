"""Which torch functions and methods a `step` may use, and the operations they become.

Every operation of `ir.operations` is known by its name: as a function of torch, as a method of a tensor and as an
operator. Those that take more than tensors and numbers, or have other names too, have a line here.
"""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError, is_comparison
from rnnbench.backends.fused.ir.nodes import Concatenation
from rnnbench.backends.fused.ir.operations import OPERATIONS

Operand = Any
"""The position of a node (as `int` inside `Value`), or a plain Python number."""


class Value(int):
    """The position of a node in the graph; a plain int is a number of the user's."""


Build = Callable[..., Value]


def operand(graph: Graph, argument: Operand) -> int:
    """The position of an argument, a number becoming a constant."""
    if isinstance(argument, Value):
        return int(argument)
    if isinstance(argument, (bool, int, float)):
        return graph.constant(float(argument))
    raise UnsupportedStepError(f"an argument of type {type(argument).__name__}")


def plain(name: str) -> Build:
    """An operation whose arguments are its operands: tensors or numbers, and then settings."""
    arity, settings = OPERATIONS[name].arity, OPERATIONS[name].settings

    def build(graph: Graph, *arguments: Operand) -> Value:
        if len(arguments) != arity:
            raise UnsupportedStepError(f"{name}() with {len(arguments)} arguments")
        if any(isinstance(argument, Value) for argument in arguments[arity - settings :]):
            raise UnsupportedStepError(f"{name}() with a tensor as setting")
        return Value(graph.apply(name, *(operand(graph, argument) for argument in arguments)))

    return build


def _clamp(graph: Graph, value: Operand, min: Operand = None, max: Operand = None) -> Value:
    if isinstance(min, Value) or isinstance(max, Value):
        raise UnsupportedStepError("clamp() between tensors")
    if min is None and max is None:
        raise UnsupportedStepError("clamp() without bounds")
    position = operand(graph, value)
    if max is None:
        return Value(graph.apply("clamp_min", position, graph.constant(min)))
    if min is None:
        return Value(graph.apply("clamp_max", position, graph.constant(max)))
    if not min <= max:
        raise UnsupportedStepError(f"clamp() from {min} to {max}")
    return Value(graph.apply("clamp", position, graph.constant(min), graph.constant(max)))


def _relu(graph: Graph, value: Operand, inplace: bool = False) -> Value:
    if inplace:
        raise UnsupportedStepError("relu() in place")
    return Value(graph.apply("relu", operand(graph, value)))


def _softplus(graph: Graph, value: Operand, beta: Operand = 1, threshold: Operand = 20) -> Value:
    if isinstance(beta, Value) or isinstance(threshold, Value):
        raise UnsupportedStepError("softplus() with a tensor as setting")
    position = operand(graph, value)
    return Value(graph.apply("softplus", position, graph.constant(beta), graph.constant(threshold)))


def _power(graph: Graph, value: Operand, exponent: Operand) -> Value:
    names = {2: "square", 0.5: "sqrt", -1: "reciprocal"}
    if isinstance(exponent, Value) or not isinstance(value, Value) or exponent not in names:
        raise UnsupportedStepError("pow() other than of a tensor to 2, 0.5 or -1")
    return Value(graph.apply(names[exponent], operand(graph, value)))


def _concatenation(graph: Graph, tensors: Operand, dim: Operand = 0) -> Value:
    """Features side by side, for a Linear to read."""
    if dim not in (1, -1) or not all(isinstance(tensor, Value) for tensor in tensors):
        raise UnsupportedStepError("cat() of other than features (dim=1)")
    parts: list[int] = []
    for tensor in tensors:
        node = graph.nodes[tensor]
        if node.width is None or is_comparison(node):
            raise UnsupportedStepError("cat() of a scalar or a comparison")
        parts += node.operands if isinstance(node, Concatenation) else [int(tensor)]
    return Value(graph.add(Concatenation(operands=tuple(parts), width=sum(graph.width(part) for part in parts))))


def _filled(number: float) -> Build:
    """A constant in the shape of a tensor: the number times one, without a gradient."""

    def build(graph: Graph, value: Operand) -> Value:
        width = graph.nodes[operand(graph, value)].width
        copy = graph.apply("copy", graph.constant(number))
        return Value(graph.widened(copy, width))

    return build


_OPERATORS = {"add", "sub", "mul", "neg", "abs", "gt", "ge", "lt", "le", "eq", "ne"}
"""Where `operator` and `torch` mean the same by a name."""


def _build_table() -> dict[Any, Build]:
    """From a function, or a method's name, to what it builds."""
    table: dict[Any, Build] = {}
    for name in OPERATIONS:
        if hasattr(torch, name):
            table[getattr(torch, name)] = plain(name)
        if hasattr(torch.Tensor, name) and name != "where":  # the method takes its operands in another order
            table[name] = plain(name)
    table |= {getattr(operator, name): plain(name) for name in _OPERATORS}
    table |= {operator.truediv: plain("div"), torch.true_divide: plain("div")}
    table |= {torch.multiply: plain("mul"), torch.subtract: plain("sub"), torch.negative: plain("neg")}
    table |= dict.fromkeys([torch.relu, functional.relu, "relu"], _relu)
    table |= dict.fromkeys([torch.clamp, torch.clip, "clamp", "clip"], _clamp)
    table |= dict.fromkeys([torch.pow, operator.pow, "pow"], _power)
    table |= {functional.softplus: _softplus, functional.sigmoid: plain("sigmoid")}
    table |= {functional.tanh: plain("tanh"), torch.special.expit: plain("sigmoid")}
    table |= dict.fromkeys([torch.cat, torch.concat, torch.concatenate], _concatenation)
    table |= {torch.zeros_like: _filled(0.0), torch.ones_like: _filled(1.0)}
    return table


TABLE = _build_table()
