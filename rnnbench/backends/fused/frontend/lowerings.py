"""Which torch functions and methods a `step` may use, and the operations they become."""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from rnnbench.backends.fused.ir.graph import Graph, Node, UnsupportedStepError
from rnnbench.backends.fused.ir.operations import COMPARISONS

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


def plain(name: str, arity: int) -> Build:
    """An operation with tensors or numbers as its only arguments."""

    def build(graph: Graph, *arguments: Operand) -> Value:
        if len(arguments) != arity:
            raise UnsupportedStepError(f"{name}() with {len(arguments)} arguments")
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
        if node.width is None or node.operation in COMPARISONS:
            raise UnsupportedStepError("cat() of a scalar or a comparison")
        parts += node.operands if node.operation == "cat" else [int(tensor)]
    return Value(graph.add(Node("cat", tuple(parts), sum(graph.nodes[part].width or 0 for part in parts))))


def _filled(number: float) -> Build:
    """A constant in the shape of a tensor: the number times one, without a gradient."""

    def build(graph: Graph, value: Operand) -> Value:
        width = graph.nodes[operand(graph, value)].width
        copy = graph.apply("copy", graph.constant(number))
        return Value(graph.widened(copy, width))

    return build


def _build_table() -> dict[Any, Build]:
    """From a function, or a method's name, to what it builds."""
    table: dict[Any, Build] = {}
    binary = {"add": 2, "sub": 2, "mul": 2, "maximum": 2, "minimum": 2, "where": 3}
    unary = dict.fromkeys(["neg", "sigmoid", "tanh", "exp", "log", "sqrt", "square", "reciprocal", "abs"], 1)
    comparisons = dict.fromkeys(["gt", "ge", "lt", "le", "eq", "ne"], 2)
    for name, arity in {**unary, **binary, "div": 2, **comparisons}.items():
        table[getattr(torch, name)] = plain(name, arity)
        if name != "where":
            table[name] = plain(name, arity)
    for name in ["add", "sub", "mul", "neg", "abs", *comparisons]:
        table[getattr(operator, name)] = plain(name, table_arity(name))
    table |= {operator.truediv: plain("div", 2), torch.true_divide: plain("div", 2)}
    table |= {torch.multiply: plain("mul", 2), torch.subtract: plain("sub", 2), torch.negative: plain("neg", 1)}
    table |= dict.fromkeys([torch.relu, functional.relu, "relu"], _relu)
    table |= dict.fromkeys([torch.clamp, torch.clip, "clamp", "clip"], _clamp)
    table |= dict.fromkeys([torch.pow, operator.pow, "pow"], _power)
    table |= {functional.softplus: _softplus, functional.sigmoid: plain("sigmoid", 1)}
    table |= {functional.tanh: plain("tanh", 1), torch.special.expit: plain("sigmoid", 1)}
    table |= dict.fromkeys([torch.cat, torch.concat, torch.concatenate], _concatenation)
    table |= {torch.zeros_like: _filled(0.0), torch.ones_like: _filled(1.0)}
    return table


def table_arity(name: str) -> int:
    """How many operands the operator of that name takes."""
    return 1 if name in ("neg", "abs") else 2


TABLE = _build_table()
