"""What mixes the features of a value: products with matrices of the cell, concatenations and sums.

Over which axis a function goes is not looked at here: the result has the shape that torch computed when the step was
recorded, or is refused.
"""

import operator
from dataclasses import replace
from typing import Any

import torch
from torch.nn import functional

from rnnbench.backends.fused.frontend.values import Build, Given, Operand, Value, number_of, operand, width_of
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError, is_comparison
from rnnbench.backends.fused.ir.nodes import Concatenation, Linear, RowSum


def _linear(graph: Graph, input: Operand, weight: Operand, bias: Operand = None) -> Value:
    """input @ weight.T + bias; the bias belongs to the Linear where it is a vector of the cell."""
    product = _product(graph, input, weight, is_transposed=False)
    if bias is None:
        return product
    if isinstance(bias, Given) and bias.tensor.shape == (graph.width(product),) and bias.tensor.is_floating_point():
        graph.nodes[product] = replace(graph.at(product, Linear), bias=bias.path)
        return product
    return Value(graph.apply("add", int(product), operand(graph, bias)))


def _product(graph: Graph, input: Operand, weight: Operand, is_transposed: bool = True) -> Value:
    is_matrix = isinstance(weight, Given) and weight.tensor.dim() == 2 and weight.tensor.is_floating_point()
    if not is_matrix or not isinstance(input, (Value, Given)):
        raise UnsupportedStepError("a product other than of (batch, features) with a matrix of the cell, h @ self.U")
    features, width = weight.tensor.shape if is_transposed else reversed(weight.tensor.shape)
    position = graph.widened(operand(graph, input), features)
    read = graph.nodes[position]
    if is_comparison(read) or read.width != features:
        raise UnsupportedStepError(f"{weight.path} takes {features} numbers, not {read.width} features")
    product = Linear(operands=(position,), width=width, weight=weight.path, transposed=is_transposed)
    return Value(graph.add(product))


def _concatenation(graph: Graph, tensors: Operand, dim: Operand = 0) -> Value:
    parts: list[int] = []
    for tensor in tensors:
        position = operand(graph, tensor)
        node = graph.nodes[position]
        if not isinstance(tensor, Value) or node.width is None or is_comparison(node):
            raise UnsupportedStepError("cat() of a scalar, a parameter or a comparison")
        parts += node.operands if isinstance(node, Concatenation) else [position]
    return Value(graph.add(Concatenation(operands=tuple(parts), width=sum(graph.width(part) for part in parts))))


def _same_type(graph: Graph, input: Operand, *settings: Operand, **named: Operand) -> Value:
    """The same in another type, a comparison as 1 and 0; the type is checked where the step was recorded."""
    return Value(number_of(graph, operand(graph, input)))


def _reduction(function: str) -> Build:
    """The sum over features or their mean, (batch, 1)."""

    def build(graph: Graph, input: Operand, *_: Operand, **settings: Operand) -> Value:
        divisor = width_of(graph, input, function) if function == "mean" else 1
        return Value(graph.add(RowSum(operands=(operand(graph, input),), divisor=divisor, width=1)))

    return build


TABLE: dict[Any, Build] = {
    functional.linear: _linear,
    **dict.fromkeys([torch.matmul, torch.mm, operator.matmul, "matmul", "mm"], _product),
    **dict.fromkeys([torch.cat, torch.concat, torch.concatenate], _concatenation),
    **dict.fromkeys(["type_as", "float", "double", "to"], _same_type),
    **dict.fromkeys([torch.sum, "sum"], _reduction("sum")),
    **dict.fromkeys([torch.mean, "mean"], _reduction("mean")),
}
"""From a function, or a method's name, to what it builds."""
