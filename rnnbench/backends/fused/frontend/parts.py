"""Parts of the features of a value, features side by side, and shapes."""

from typing import Any

import torch

from rnnbench.backends.fused.frontend.values import Build, Given, Operand, Value, number_of, operand, width_of
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError, is_comparison
from rnnbench.backends.fused.ir.nodes import Concatenation


def _part(graph: Graph, value: Value, first: int, count: int) -> Value:
    return Value(graph.part(int(value), first, count))


def _chunk(graph: Graph, input: Operand, chunks: Operand, dim: Operand = 0) -> list[Value]:
    width = width_of(graph, input, "chunk")
    return _split(graph, input, -(-width // int(chunks)), dim)


def _split(graph: Graph, tensor: Operand, split_size_or_sections: Operand, dim: Operand = 0) -> list[Value]:
    width, size = width_of(graph, tensor, "split"), split_size_or_sections
    if isinstance(size, int):
        sizes = [min(size, width - first) for first in range(0, width, size)]
    else:
        sizes = [int(part) for part in size]
    if sum(sizes) != width:
        raise UnsupportedStepError(f"split() of {width} features into {sizes}")
    value = Value(operand(graph, tensor))
    return [_part(graph, value, sum(sizes[:index]), count) for index, count in enumerate(sizes)]


def _unbind(graph: Graph, input: Operand, dim: Operand = 0) -> list[Value]:
    return _split(graph, input, 1, dim)


def _narrow(graph: Graph, input: Operand, dim: Operand, start: Operand, length: Operand) -> Value:
    width = width_of(graph, input, "narrow")
    first = start + width if start < 0 else start
    return _part(graph, Value(operand(graph, input)), first, length)


_NEIGHBOURS = "indexing other than of neighbouring features, x[:, first:stop]"


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
    """One of several values, or the features x[:, first:stop]; the index is that of `index_of_features`."""
    if isinstance(read, (list, tuple)):
        return read[index]
    if isinstance(read, Given):
        read = Value(operand(graph, read))
    items = index if isinstance(index, tuple) else (index,)
    if not all(isinstance(part, (slice, int)) for part in items):
        raise UnsupportedStepError(_NEIGHBOURS)
    chosen = [part for part in items if part != slice(None)]
    if not chosen:
        return read
    if len(chosen) > 1:
        raise UnsupportedStepError(_NEIGHBOURS)
    features, width = chosen[0], width_of(graph, read, "indexing")
    if isinstance(features, int):
        features = slice(features % width, features % width + 1)
    first, stop, step = features.indices(width)
    if step != 1 or stop <= first:
        raise UnsupportedStepError(_NEIGHBOURS)
    return _part(graph, read, first, stop - first)


def _concatenation(graph: Graph, tensors: Operand, dim: Operand = 0) -> Value:
    """Features side by side."""
    parts: list[int] = []
    for tensor in tensors:
        position = operand(graph, tensor)
        node = graph.nodes[position]
        if not isinstance(tensor, Value) or node.width is None or is_comparison(node):
            raise UnsupportedStepError("cat() of a scalar, a parameter or a comparison")
        parts += node.operands if isinstance(node, Concatenation) else [position]
    return Value(graph.add(Concatenation(operands=tuple(parts), width=sum(graph.width(part) for part in parts))))


def _same(graph: Graph, input: Operand, *_: Operand, **named: Operand) -> Value:
    """The same numbers in another shape, one for every example and feature."""
    return Value(operand(graph, input))


SHAPES = {
    *("unsqueeze", "squeeze", "view", "view_as", "reshape", "reshape_as", "flatten", "unflatten", "contiguous"),
    *("expand", "expand_as", "repeat", "broadcast_to", "atleast_2d", "transpose", "permute", "movedim", "swapaxes"),
}
"""Functions that change a shape, known by their names. That a value is (batch, features), but for axes of length 1, is
checked where the step was recorded: the order of the numbers is then the same."""


def _same_type(graph: Graph, input: Operand, *settings: Operand, **named: Operand) -> Value:
    """The same in another type, a comparison as 1 and 0; the type is checked where the step was recorded."""
    position = operand(graph, input)
    if torch.bool in (*settings, *named.values()):
        return Value(position)
    return Value(number_of(graph, position))


TABLE: dict[Any, Build] = {
    **dict.fromkeys([torch.chunk, "chunk"], _chunk),
    **dict.fromkeys([torch.split, "split"], _split),
    **dict.fromkeys([torch.narrow, "narrow"], _narrow),
    **dict.fromkeys([torch.cat, torch.concat, torch.concatenate], _concatenation),
    **dict.fromkeys([torch.unbind, "unbind"], _unbind),
    **dict.fromkeys(["type_as", "float", "double", "to", "type", "int", "long"], _same_type),
    **{getattr(torch, name): _same for name in SHAPES if hasattr(torch, name)},
    **dict.fromkeys([*SHAPES, "bool"], _same),
}
"""From a function, or a method's name, to what it builds; `ITEM` has its own place."""

ITEM = _item
