"""Random numbers in a step: they are drawn by torch before the loop, step by step as the plain loop draws them."""

from typing import Any

import torch
from torch.nn import functional

from rnnbench.backends.fused.frontend.values import Batch, Build, Operand, Value, is_number, node_of, operand, width_of
from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError


def drawn(graph: Graph, draw: str, width: int, setting: float = 0.0) -> Value:
    """Random numbers of their own, (batch, width)."""
    count = len(graph.positions(nodes.Noise))
    return Value(graph.add(nodes.Noise(draw=draw, setting=setting, index=count, width=width)))


def _like(draw: str) -> Build:
    def build(graph: Graph, input: Operand, **settings: Operand) -> Value:
        _check_settings(f"{draw}_like", settings)
        return drawn(graph, draw, width_of(graph, input, f"{draw}_like"))

    return build


def width_in(size: Operand, function: str) -> int:
    """The width in a shape (batch, width), given as one argument or as two."""
    shape = size[0] if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    if len(shape) != 2 or not isinstance(shape[0], Batch) or type(shape[1]) is not int:
        raise UnsupportedStepError(f"{function}() of other than (batch, width), as in {function}(x.shape[0], width)")
    return shape[1]


def _check_settings(function: str, settings: dict[str, Operand]) -> None:
    if any(value is not None for name, value in settings.items() if name not in ("dtype", "device")):
        raise UnsupportedStepError(f"{function}() with {', '.join(settings)}")


def _dropout(
    graph: Graph, input: Operand, p: Operand = 0.5, training: Operand = True, inplace: Operand = False
) -> Value:
    if inplace or not is_number(p):
        raise UnsupportedStepError("dropout() in place, or with a tensor as probability")
    value = Value(operand(graph, input))
    if not training or p == 0:
        return value
    mask = drawn(graph, "dropout", width_of(graph, value, "dropout"), float(p))
    return Value(graph.apply("mul", int(value), int(mask)))


def _bernoulli(graph: Graph, input: Operand, p: Operand = None, **settings: Operand) -> Value:
    """Of one probability for all: bernoulli(torch.full_like(h, p))."""
    _check_settings("bernoulli", settings)
    width = width_of(graph, input, "bernoulli")
    if is_number(p):
        return drawn(graph, "bernoulli_of", width, float(p))
    node = node_of(graph, input)
    read = graph.nodes[node.operands[0]] if node.operands else node
    if not isinstance(node, nodes.Elementwise) or node.operation != "copy" or not isinstance(read, nodes.Constant):
        raise UnsupportedStepError(
            "bernoulli() of probabilities that are computed; write torch.rand_like(p) < p, which has no gradient either"
        )
    return drawn(graph, "bernoulli", width, read.number)


TABLE: dict[Any, Build] = {
    torch.rand_like: _like("rand"),
    torch.randn_like: _like("randn"),
    functional.dropout: _dropout,
    torch.dropout: lambda graph, input, p, train: _dropout(graph, input, p, train),
    **dict.fromkeys([torch.bernoulli, "bernoulli"], _bernoulli),
}
"""From a function, or a method's name, to what it builds."""
