"""Parts of the features of a value, features side by side, and shapes."""

from typing import Any

import torch

from rnnbench.backends.fused.frontend.values import Batch, Build, Given, Operand, Value, number_of, operand, width_of
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError, is_comparison
from rnnbench.backends.fused.ir.nodes import Concatenation

BATCH = Batch()


def _part(graph: Graph, value: Value, first: int, count: int) -> Value:
    return Value(graph.part(int(value), first, count))


def _check_features(function: str, dim: Operand) -> None:
    if dim not in (1, -1):
        raise UnsupportedStepError(f"{function}() of other than features: write dim=1 or dim=-1")


def _chunk(graph: Graph, input: Operand, chunks: Operand, dim: Operand = 0) -> list[Value]:
    _check_features("chunk", dim)
    width = width_of(graph, input, "chunk")
    return _split(graph, input, -(-width // int(chunks)), dim)


def _split(graph: Graph, tensor: Operand, split_size_or_sections: Operand, dim: Operand = 0) -> list[Value]:
    _check_features("split", dim)
    width, size = width_of(graph, tensor, "split"), split_size_or_sections
    if isinstance(size, int):
        sizes = [min(size, width - first) for first in range(0, width, size)]
    else:
        sizes = [int(part) for part in size]
    if sum(sizes) != width:
        raise UnsupportedStepError(f"split() of {width} features into {sizes}")
    value = Value(operand(graph, tensor))
    return [_part(graph, value, sum(sizes[:index]), count) for index, count in enumerate(sizes)]


def _narrow(graph: Graph, input: Operand, dim: Operand, start: Operand, length: Operand) -> Value:
    _check_features("narrow", dim)
    width = width_of(graph, input, "narrow")
    first = start + width if start < 0 else start
    return _part(graph, Value(operand(graph, input)), first, length)


def _item(graph: Graph, read: Operand, index: Operand) -> Operand:
    """One of several values, a number of a shape, or the features x[:, first:stop]."""
    if isinstance(read, (list, tuple)):
        return read[index]
    if not isinstance(read, Value):
        raise UnsupportedStepError("indexing of this")
    rows, features = index if isinstance(index, tuple) and len(index) == 2 else (None, None)
    if rows not in (slice(None), Ellipsis) or not isinstance(features, slice):
        raise UnsupportedStepError("indexing other than of neighbouring features, x[:, first:stop]")
    first, stop, step = features.indices(width_of(graph, read, "indexing"))
    if step != 1 or stop <= first:
        raise UnsupportedStepError("indexing other than of neighbouring features, x[:, first:stop]")
    return _part(graph, read, first, stop - first)


def _attribute(graph: Graph, read: Operand, name: Operand) -> Operand:
    if isinstance(read, Value) and name == "shape":
        return (BATCH, width_of(graph, read, "shape"))
    if isinstance(read, Value) and name in ("dtype", "device"):
        return None  # as torch.zeros and others have by default
    raise UnsupportedStepError(f"the attribute {name} of a tensor")


def _size(graph: Graph, read: Operand, dim: Operand = None) -> Operand:
    shape = (BATCH, width_of(graph, read, "size"))
    return shape if dim is None else shape[dim]


def _concatenation(graph: Graph, tensors: Operand, dim: Operand = 0) -> Value:
    """Features side by side."""
    if dim not in (1, -1):
        raise UnsupportedStepError("cat() of other than features (dim=1)")
    parts: list[int] = []
    for tensor in tensors:
        position = operand(graph, tensor)
        node = graph.nodes[position]
        if not isinstance(tensor, Value) or node.width is None or is_comparison(node):
            raise UnsupportedStepError("cat() of a scalar, a parameter or a comparison")
        parts += node.operands if isinstance(node, Concatenation) else [position]
    return Value(graph.add(Concatenation(operands=tuple(parts), width=sum(graph.width(part) for part in parts))))


def _expanded(graph: Graph, input: Operand, *sizes: Operand) -> Value:
    """A tensor of one value per feature as one per example and feature."""
    shape = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    position = operand(graph, input)
    width = graph.nodes[position].width
    if len(shape) != 2 or not isinstance(shape[0], Batch) or shape[1] not in (-1, width):
        raise UnsupportedStepError("expand() to other than (batch, width), as in b.expand(x.shape[0], -1)")
    return Value(position)


def _expanded_as(graph: Graph, input: Operand, other: Operand) -> Value:
    return Value(graph.widened(operand(graph, input), width_of(graph, other, "expand_as")))


def _same_type(graph: Graph, input: Operand, *_: Operand) -> Value:
    """A comparison as 1 and 0, in the type of another tensor."""
    position = operand(graph, input)
    if not is_comparison(graph.nodes[position]):
        raise UnsupportedStepError("a change of type of other than a comparison")
    return Value(number_of(graph, position))


def _product_with_comparison(graph: Graph, first: Operand, second: Operand) -> Value:
    """A product; a comparison that meets a tensor counts as 1 and 0."""
    positions = [operand(graph, argument) for argument in (first, second)]
    if all(isinstance(argument, (Value, Given)) for argument in (first, second)):
        kinds = [is_comparison(graph.nodes[position]) for position in positions]
        if not all(kinds):
            positions = [number_of(graph, position) for position in positions]
    return Value(graph.apply("mul", *positions))


TABLE: dict[Any, Build] = {
    **dict.fromkeys([torch.chunk, "chunk"], _chunk),
    **dict.fromkeys([torch.split, "split"], _split),
    **dict.fromkeys([torch.narrow, "narrow"], _narrow),
    **dict.fromkeys([torch.cat, torch.concat, torch.concatenate], _concatenation),
    **dict.fromkeys(["type_as", "float", "double", "to", "type"], _same_type),
    "expand": _expanded,
    "expand_as": _expanded_as,
    "size": _size,
}
"""From a function, or a method's name, to what it builds; `MULTIPLY`, `ITEM` and `ATTRIBUTE` have their own places."""

MULTIPLY, ITEM, ATTRIBUTE = _product_with_comparison, _item, _attribute
