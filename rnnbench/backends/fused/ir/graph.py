"""A step as data: nodes in the order in which they can be computed."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rnnbench.backends.fused.ir.nodes import Concatenation, Constant, Elementwise, Node

_Kind = TypeVar("_Kind", bound=Node)


class UnsupportedStepError(Exception):
    """Something in a `step` that the fused backend does not know; the message names it and its line."""


@dataclass
class Graph:
    """Nodes in topological order, addressed by position, and the positions of what is wanted of them."""

    nodes: list[Node] = field(default_factory=list)
    outputs: tuple[int, ...] = ()
    """The tensors of the next state."""
    gradients: dict[int, int] = field(default_factory=dict)
    """Once differentiated: for a leaf or a Preactivation that a gradient reaches, the node that is its gradient."""
    adjoints: dict[int, int] = field(default_factory=dict)
    """The same for elementwise nodes, for names and tests."""

    def add(self, node: Node) -> int:
        """Append a node and return its position."""
        self.nodes.append(node)
        return len(self.nodes) - 1

    def constant(self, number: float) -> int:
        """A new constant."""
        return self.add(Constant(number=float(number)))

    def apply(self, operation: str, *operands: int) -> int:
        """A new elementwise node, its width that of its operands."""
        self._check_kinds(operation, operands)
        widths = {self.nodes[operand].width for operand in operands} - {None}
        if len(widths) > 1:
            low, high = sorted(width for width in widths if width is not None)[:2]
            raise UnsupportedStepError(f"{operation}() of tensors of widths {low} and {high}")
        width = widths.pop() if widths else None
        wide = tuple(self.widened(operand, width) for operand in operands)
        return self.add(Elementwise(operation=operation, operands=wide, width=width))

    def _check_kinds(self, operation: str, operands: tuple[int, ...]) -> None:
        """A comparison is good for a condition and nothing else; a concatenation only for a Linear."""
        for index, operand in enumerate(operands):
            node = self.nodes[operand]
            if isinstance(node, Concatenation):
                raise UnsupportedStepError(f"cat() that {operation}() reads; only a Linear may")
            wants_condition = operation == "where" and index == 0
            if wants_condition != is_comparison(node):
                kind = node.operation if isinstance(node, Elementwise) else type(node).__name__.lower()
                raise UnsupportedStepError(f"{operation}() with {kind}() as operand {index + 1}")

    def widened(self, position: int, width: int | None) -> int:
        """The same value at a given width, where it is a scalar parameter or made of scalar parameters."""
        node = self.nodes[position]
        if width is None or node.width is not None or isinstance(node, Constant):
            return position
        operands = tuple(self.widened(operand, width) for operand in node.operands)
        return self.add(replace(node, operands=operands, width=width))

    def at(self, position: int, kind: type[_Kind]) -> _Kind:
        """The node at a position, which is known to be of a type."""
        node = self.nodes[position]
        assert isinstance(node, kind), node
        return node

    def width(self, position: int) -> int:
        """The width of a node that has one."""
        width = self.nodes[position].width
        assert width is not None, self.nodes[position]
        return width

    def positions(self, *types: type[Node]) -> tuple[int, ...]:
        """The nodes of some types, in order."""
        return tuple(position for position, node in enumerate(self.nodes) if isinstance(node, types))

    def reachable(self, roots: Iterable[int]) -> set[int]:
        """The nodes that some nodes are computed from, and these."""
        found = set(roots)
        for position in reversed(range(len(self.nodes))):
            if position in found:
                found.update(self.nodes[position].operands)
        return found


def is_comparison(node: Node) -> bool:
    """Whether the value of a node is true or false."""
    return isinstance(node, Elementwise) and node.is_comparison
