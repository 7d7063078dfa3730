"""Graphs and schedules as text, one node or one piece of work a line. A node is written %position."""

from collections.abc import Iterable
from dataclasses import fields

from rnnbench.backends.fused.ir.graph import Graph
from rnnbench.backends.fused.ir.nodes import Constant, Elementwise, Gradient, Node
from rnnbench.backends.fused.ir.schedule import Loop, Products, Schedule

_REFERENCES = ("of", "product")
"""Fields that are positions of nodes."""


def graph_listing(graph: Graph, start: int = 0) -> str:
    """The nodes from a position on, `%3 = sigmoid(%2)  [width]  # the user's name`, then outputs and gradients."""
    lines = [_line(position, node) for position, node in enumerate(graph.nodes) if position >= start]
    lines.append(f"outputs {_listed(graph.outputs)}")
    if graph.gradients:
        pairs = (f"%{position}: %{gradient}" for position, gradient in graph.gradients.items())
        lines.append(f"gradients {', '.join(pairs)}")
    return "\n".join(lines)


def schedule_listing(schedule: Schedule) -> str:
    """The loops and products of both passes in their order, and what is saved between them."""
    return "\n".join(
        [
            "forward",
            *(f"    {_work(piece, schedule.graph)}" for piece in schedule.forward),
            f"saved for backward {_listed(schedule.saved_for_backward)}",
            "backward",
            *(f"    {_work(piece, schedule.graph)}" for piece in schedule.backward),
        ]
    )


def _line(position: int, node: Node) -> str:
    width = "" if node.width is None else f"  [{node.width}]"
    label = f"  # {node.label}" if isinstance(node, Elementwise) and node.label else ""
    return f"%{position} = {_expression(node)}{width}{label}"


def _expression(node: Node) -> str:
    """An operation of its operands, or a type of node with its operands and its own fields."""
    if isinstance(node, Constant):
        return f"Constant({node.number!r})"
    operands = [f"%{operand}" for operand in node.operands]
    if isinstance(node, Elementwise):
        return f"{node.operation}({', '.join(operands)})"
    for field in fields(node):
        value = getattr(node, field.name)
        if field.name not in ("operands", "width") and value != field.default:
            operands.append(f"{field.name}={f'%{value}' if field.name in _REFERENCES else value}")
    return f"{type(node).__name__}({', '.join(operands)})"


def _work(piece: Loop | Products, graph: Graph) -> str:
    if isinstance(piece, Loop):
        return f"loop over batch x {piece.width}: store {_stored(piece.stores, graph)}"
    return f"products: {_stored(piece.nodes, graph)}"


def _stored(positions: Iterable[int], graph: Graph) -> str:
    """The nodes, and of gradients which node they belong to."""
    names = []
    for position in positions:
        node = graph.nodes[position]
        names.append(f"%{position} (of %{node.of})" if isinstance(node, Gradient) else f"%{position}")
    return ", ".join(names)


def _listed(positions: Iterable[int]) -> str:
    return ", ".join(f"%{position}" for position in positions)
