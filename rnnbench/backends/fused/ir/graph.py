"""A step as data: nodes in the order in which they can be computed, and arithmetic that adds nodes to it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rnnbench.backends.fused.ir.nodes import (
    COMPARISONS,
    Columns,
    Concatenation,
    Constant,
    Elementwise,
    Linear,
    Node,
    Parameter,
    Spread,
)

_Kind = TypeVar("_Kind", bound=Node)
Number = int | float


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
    parts: dict[tuple[int, int, int], int] = field(default_factory=dict)
    """Neighbouring features of a node, and one of width 1 spread, made once: (node, first, count) -> that node."""

    def add(self, node: Node) -> int:
        """Append a node and return its position."""
        self.nodes.append(node)
        return len(self.nodes) - 1

    def constant(self, number: float) -> int:
        """A new constant."""
        return self.add(Constant(number=float(number)))

    def apply(self, operation: str, *operands: int) -> int:
        """A new elementwise node, its width that of its operands; one of width 1 meets all features of another."""
        self._check_kinds(operation, operands)
        widths = {self.nodes[operand].width for operand in operands} - {None}
        if len(widths - {1}) > 1:
            low, high = sorted(width for width in widths - {1} if width is not None)[:2]
            raise UnsupportedStepError(f"{operation}() of tensors of widths {low} and {high}")
        width = max((width for width in widths if width is not None), default=None)
        wide = tuple(self.widened(operand, width) for operand in operands)
        return self.add(Elementwise(operation=operation, operands=wide, width=width))

    def _check_kinds(self, operation: str, operands: tuple[int, ...]) -> None:
        """A comparison is good for a condition and nothing else."""
        for index, operand in enumerate(operands):
            node = self.nodes[operand]
            wants_condition = operation == "where" and index == 0
            if wants_condition != is_comparison(node):
                kind = node.operation if isinstance(node, Elementwise) else type(node).__name__.lower()
                raise UnsupportedStepError(f"{operation}() with {kind}() as operand {index + 1}")

    def widened(self, position: int, width: int | None) -> int:
        """The same value at a given width, where it is a scalar, made of scalars, or of width 1."""
        node = self.nodes[position]
        if width is None or node.width == width or isinstance(node, Constant):
            return position
        if node.width is None or is_comparison(node):  # what is spread is a number
            operands = tuple(self.widened(operand, width) for operand in node.operands)
            return self.add(replace(node, operands=operands, width=width))
        if node.width != 1:
            return position
        key = position, 0, width
        if key not in self.parts:
            self.parts[key] = self.add(Spread(operands=(position,), width=width))
        return self.parts[key]

    def part(self, position: int, first: int, count: int) -> int:
        """Neighbouring features of a value: of what it is computed from, where that is possible."""
        key = position, first, count
        if key not in self.parts:
            self.parts[key] = self._part(position, first, count)
        return self.parts[key]

    def _part(self, position: int, first: int, count: int) -> int:
        node = self.nodes[position]
        if node.width is None or (first == 0 and count == node.width):
            return position
        if isinstance(node, Linear):
            return self.add(replace(node, first_row=node.first_row + first, width=count))
        if isinstance(node, Parameter):
            return self.add(replace(node, first=node.first + first, width=count))
        if isinstance(node, Spread):
            return self.widened(node.operands[0], count)
        if isinstance(node, Columns) and node.count == node.width:
            return self.part(node.operands[0], node.first + first, count)
        if isinstance(node, Elementwise):
            operands = tuple(self.part(operand, first, count) for operand in node.operands)
            return self.add(replace(node, operands=operands, width=count, label=""))
        if isinstance(node, Concatenation):
            return self._part_of_concatenation(node, first, count)
        return self.add(Columns(operands=(position,), first=first, count=count, width=count))

    def _part_of_concatenation(self, node: Concatenation, first: int, count: int) -> int:
        parts, start = [], 0
        for operand in node.operands:
            width = self.width(operand)
            begin, end = max(first, start), min(first + count, start + width)
            if begin < end:
                parts.append(self.part(operand, begin - start, end - begin))
            start += width
        return parts[0] if len(parts) == 1 else self.add(Concatenation(operands=tuple(parts), width=count))

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
    return isinstance(node, Elementwise) and node.operation in COMPARISONS


def _binary(operation: str) -> Callable[["Term", "Term | Number"], "Term"]:
    return lambda self, other: apply(operation, self, other)


def _reflected(operation: str) -> Callable[["Term", Number], "Term"]:
    return lambda self, other: apply(operation, other, self)


@dataclass(frozen=True, eq=False)
class Term:
    """A node, whose operators add the node of their result to the graph."""

    graph: Graph
    position: int

    __add__, __radd__ = _binary("add"), _reflected("add")
    __sub__, __rsub__ = _binary("sub"), _reflected("sub")
    __mul__, __rmul__ = _binary("mul"), _reflected("mul")
    __truediv__, __rtruediv__ = _binary("div"), _reflected("div")
    __gt__, __ge__ = _binary("gt"), _binary("ge")
    __lt__, __le__ = _binary("lt"), _binary("le")

    def __neg__(self) -> "Term":
        return apply("neg", self)


def apply(operation: str, *operands: Term | Number) -> Term:
    """The value of an operation of `operations.OPERATIONS`; at least one operand is a Term."""
    graph = next(operand.graph for operand in operands if isinstance(operand, Term))
    positions = [operand.position if isinstance(operand, Term) else graph.constant(operand) for operand in operands]
    return Term(graph, graph.apply(operation, *positions))


def equal(a: Term, b: Term | Number) -> Term:
    """a == b. The operator compares Terms, not values."""
    return apply("eq", a, b)


def where(condition: Term, a: Term | Number, b: Term | Number) -> Term:
    """a where the condition holds, b elsewhere."""
    return apply("where", condition, a, b)
