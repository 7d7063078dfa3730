"""Writing the values of nodes inside a loop."""

import math

from rnnbench.backends.fused.codegen.layout import Layout
from rnnbench.backends.fused.ir.forms import Precedence
from rnnbench.backends.fused.ir.nodes import Constant, Elementwise
from rnnbench.backends.fused.ir.operations import OPERATIONS

Expression = tuple[str, Precedence]
"""A piece of source, and the precedence of its outermost operator."""


class Expressions:
    """The values of one loop: each is computed once, from what lies in a buffer."""

    def __init__(self, layout: Layout, in_memory: set[int]) -> None:
        self.layout = layout
        self.in_memory = in_memory
        self.lines: list[str] = []
        """Assignments of values to names."""
        self.known: dict[int, Expression] = {}

    def value(self, position: int) -> Expression:
        """The value of a node: its name, for which lines are written, or the expression itself."""
        if position not in self.known:
            expression = self._expression(position)
            name = self.layout.names[position]
            if name and not isinstance(self.layout.graph.nodes[position], Constant):
                self.lines.append(f"{name} = {expression[0]}")
                expression = (name, Precedence.ATOM)
            self.known[position] = expression
        return self.known[position]

    def _expression(self, position: int) -> Expression:
        node = self.layout.graph.nodes[position]
        if isinstance(node, Constant):
            return literal(node.number), Precedence.ATOM
        if isinstance(node, Elementwise) and position not in self.in_memory:
            form = OPERATIONS[node.operation].form
            return form.filled([self.value(operand) for operand in node.operands]), form.precedence
        return f"{self.layout.now(position)}[k]", Precedence.ATOM


def literal(number: float) -> str:
    """A constant, in the floating-point type of the loops."""
    if math.isfinite(number):
        return f"real({number!r})"
    return "real(np.nan)" if math.isnan(number) else f"real({'-' if number < 0 else ''}np.inf)"
