"""A cell's step as data: nodes in the order they are computed."""

from dataclasses import dataclass, field, replace

from rnnbench.backends.fused.ir.operations import COMPARISONS

LEAVES = frozenset({"input", "state", "parameter", "constant"})
"""The operations of nodes that nothing is computed for."""


class UnsupportedStepError(Exception):
    """Something in a `step` that the fused backend does not know; the message names it and its line."""


@dataclass(frozen=True)
class Node:
    """One value of a step, (batch, width).

    `operation` is "input", "state", "parameter", "constant", "linear", "cat", "sum", or a key of
    `operations.OPERATIONS`.
    A width of None means a scalar that takes the width of what it meets.
    """

    operation: str
    operands: tuple[int, ...] = ()
    width: int | None = None
    path: str = ""
    """Where a parameter or a Linear hangs in the cell."""
    index: int = 0
    """Which state tensor a "state" node is; from which column on a Linear's weight multiplies what it reads."""
    number: float = 0.0
    """The value of a constant."""
    label: str = ""
    """What `step` calls the value, where it does."""


@dataclass
class Graph:
    """Nodes in topological order, addressed by position, and the positions of the next state."""

    nodes: list[Node] = field(default_factory=list)
    outputs: tuple[int, ...] = ()

    def add(self, node: Node) -> int:
        """Append a node and return its position."""
        self.nodes.append(node)
        return len(self.nodes) - 1

    def constant(self, number: float) -> int:
        """A new constant."""
        return self.add(Node("constant", number=float(number)))

    def apply(self, operation: str, *operands: int) -> int:
        """A new elementwise node, its width that of its operands."""
        self._check_kinds(operation, operands)
        widths = {self.nodes[operand].width for operand in operands} - {None}
        if len(widths) > 1:
            low, high = sorted(width for width in widths if width is not None)[:2]
            raise UnsupportedStepError(f"{operation}() of tensors of widths {low} and {high}")
        width = widths.pop() if widths else None
        return self.add(Node(operation, tuple(self.widened(operand, width) for operand in operands), width))

    def _check_kinds(self, operation: str, operands: tuple[int, ...]) -> None:
        """A comparison is good for the condition of where() and nothing else; a concatenation only for a Linear."""
        for index, operand in enumerate(operands):
            kind = self.nodes[operand].operation
            is_condition = operation == "where" and index == 0
            if is_condition != (kind in COMPARISONS):
                raise UnsupportedStepError(f"{operation}() with {kind}() as operand {index + 1}")
            if kind == "cat":
                raise UnsupportedStepError(f"cat() that {operation}() reads; only a Linear may")

    def widened(self, position: int, width: int | None) -> int:
        """The same value at a given width, where it is a scalar parameter or made of scalar parameters."""
        node = self.nodes[position]
        if width is None or node.width is not None or node.operation == "constant":
            return position
        operands = tuple(self.widened(operand, width) for operand in node.operands)
        return self.add(replace(node, operands=operands, width=width))
