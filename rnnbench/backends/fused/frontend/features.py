"""What mixes the features of a value: products with matrices of the cell, parts and sums; and shapes.

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


def _split(graph: Graph, tensor: Operand, split_size_or_sections: Operand, dim: Operand = 0) -> list[Value]:
    width, size = width_of(graph, tensor, "split"), split_size_or_sections
    if isinstance(size, int):
        sizes = [min(size, width - first) for first in range(0, width, size)]
    else:
        sizes = [int(part) for part in size]
    if sum(sizes) != width:
        raise UnsupportedStepError(f"split() of {width} features into {sizes}")
    position = operand(graph, tensor)
    return [Value(graph.part(position, sum(sizes[:index]), count)) for index, count in enumerate(sizes)]


def index_of_features(index: Operand, shape: tuple[int, ...]) -> Operand:
    """What an index picks on the axes that are longer than 1; those of length 1 may be picked, dropped and added."""
    items = index if isinstance(index, tuple) else (index,)
    if any(isinstance(item, (list, bool, Value, Given)) for item in items):
        return index
    count = len([item for item in items if item is not None and item is not Ellipsis])
    axes: list[Operand] = []
    for item in items:
        if item is Ellipsis:
            axes += [slice(None)] * (len(shape) - count)
        elif item is not None:
            axes.append(item)
    return tuple(item for item, size in zip(axes, shape, strict=False) if size != 1)


def _item(graph: Graph, read: Operand, index: Operand) -> Operand:
    """The features x[:, first:stop]; the index is that of `index_of_features`."""
    items = index if isinstance(index, tuple) else (index,)
    chosen = [part for part in items if part != slice(None)]
    if not chosen:
        return read
    width = width_of(graph, read, "indexing")
    features = chosen[0]
    if type(features) is int:
        features = slice(features % width, features % width + 1)
    if len(chosen) == 1 and isinstance(features, slice):
        first, stop, step = features.indices(width)
        if step == 1 and stop > first:
            return Value(graph.part(operand(graph, read), first, stop - first))
    raise UnsupportedStepError("indexing other than of neighbouring features, x[:, first:stop]")


def _concatenation(graph: Graph, tensors: Operand, dim: Operand = 0) -> Value:
    parts: list[int] = []
    for tensor in tensors:
        position = operand(graph, tensor)
        node = graph.nodes[position]
        if not isinstance(tensor, Value) or node.width is None or is_comparison(node):
            raise UnsupportedStepError("cat() of a scalar, a parameter or a comparison")
        parts += node.operands if isinstance(node, Concatenation) else [position]
    return Value(graph.add(Concatenation(operands=tuple(parts), width=sum(graph.width(part) for part in parts))))


SHAPES = {
    *("unsqueeze", "squeeze", "view", "view_as", "reshape", "reshape_as", "flatten", "unflatten", "contiguous"),
    *("expand", "expand_as"),
}
"""Functions that change a shape, known by their names. That a value is (batch, features), but for axes of length 1, is
checked where the step was recorded: the order of the numbers is then the same."""


def _same(graph: Graph, input: Operand, *_: Operand, **named: Operand) -> Value:
    """The same numbers in another shape, one for every example and feature."""
    return Value(operand(graph, input))


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
    **dict.fromkeys([torch.split, "split"], _split),
    **dict.fromkeys([torch.cat, torch.concat, torch.concatenate], _concatenation),
    operator.getitem: _item,
    **dict.fromkeys(["type_as", "float", "double", "to"], _same_type),
    **{getattr(torch, name): _same for name in SHAPES if hasattr(torch, name)},
    **dict.fromkeys(SHAPES, _same),
    **dict.fromkeys([torch.sum, "sum"], _reduction("sum")),
    **dict.fromkeys([torch.mean, "mean"], _reduction("mean")),
}
"""From a function, or a method's name, to what it builds."""
