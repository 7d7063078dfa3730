"""Writing the values of nodes inside an elementwise loop."""

import math
from collections.abc import Callable

from rnnbench.backends.fused.codegen.layout import Layout
from rnnbench.backends.fused.ir.operations import OPERATIONS


class Expressions:
    """The lines of one loop that compute values: each once, from what is at hand in a buffer."""

    def __init__(self, layout: Layout, is_at_hand: Callable[[int], bool]) -> None:
        self.layout = layout
        self.is_at_hand = is_at_hand
        self.lines: list[str] = []
        self.known: dict[int, str] = {}

    def value(self, position: int) -> str:
        """A name or constant that holds the value of a node, writing what it takes."""
        if position not in self.known:
            self.known[position] = self._written(position)
        return self.known[position]

    def _written(self, position: int) -> str:
        node = self.layout.node(position)
        if node.operation == "constant":
            return literal(node.number)
        name = self.layout.name(position)
        if node.operation not in OPERATIONS or self.is_at_hand(position):
            self.lines.append(f"{name} = {self.layout.now(position)}[k]")
        else:
            operands = [self.value(operand) for operand in node.operands]
            expression = OPERATIONS[node.operation].value.format(*operands)
            self.lines.append(f"{name} = {without_brackets(expression)}")
        return name


def literal(number: float) -> str:
    """A constant of the type computed in."""
    if math.isfinite(number):
        return f"real({number!r})"
    return "real(np.nan)" if math.isnan(number) else f"real({'-' if number < 0 else ''}np.inf)"


def without_brackets(expression: str) -> str:
    """The expression without brackets around the whole of it."""
    if not (expression.startswith("(") and expression.endswith(")")):
        return expression
    depth = 0
    for place, character in enumerate(expression):
        depth += (character == "(") - (character == ")")
        if depth == 0 and place < len(expression) - 1:
            return expression
    return expression[1:-1]
