"""The work of one step, forward or backward: its loops and its products, in the order of the schedule."""

import math
from collections.abc import Sequence

from rnnbench.backends.fused.codegen.layout import Layout, indented
from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.operations import OPERATIONS, Precedence
from rnnbench.backends.fused.ir.schedule import Loop, Work

Expression = tuple[str, Precedence]
"""A piece of source, and the precedence of its outermost operator."""


def work_lines(layout: Layout, work: Sequence[Work], in_memory: set[int]) -> list[str]:
    """The lines of some loops and products, given the elementwise nodes whose values lie in a buffer already."""
    lines: list[str] = []
    in_memory = set(in_memory)
    for piece in work:
        if isinstance(piece, Loop):
            lines += _loop(layout, piece, in_memory)
            in_memory.update(piece.stores)
        elif isinstance(layout.graph.nodes[piece], nodes.LinearGradient):
            lines += _backward_product(layout, piece)
        else:
            lines += _products(layout, piece)
    return lines


def _loop(layout: Layout, loop: Loop, in_memory: set[int]) -> list[str]:
    expressions = Expressions(layout, in_memory)
    for position in _adjoints_of(layout, loop):
        expressions.value(position)
    stores = []
    for position in loop.stores:
        node = layout.graph.nodes[position]
        if isinstance(node, nodes.StoredGradient):
            value, _ = expressions.value(node.operands[0])
            stores.append(f"{layout.now(position)}[k] = flushed({value})")
        else:
            stores.append(f"{layout.now(position)}[k] = {expressions.value(position)[0]}")
    head = f"for k in range(rows * {layout.width_names[loop.width]}):"
    return [head, *indented([*expressions.lines, *stores], 1)]


def _adjoints_of(layout: Layout, loop: Loop) -> list[int]:
    """The adjoint nodes that a loop computes, in the order of the backward pass."""
    needed = {operand for p in loop.stores if p in layout.backward for operand in layout.graph.nodes[p].operands}
    for position in sorted(layout.backward, reverse=True):
        if position in needed and isinstance(layout.graph.nodes[position], nodes.Elementwise):
            needed.update(layout.graph.nodes[position].operands)
    return sorted(needed & layout.backward)


def _products(layout: Layout, preactivation: int) -> list[str]:
    """The products of a Preactivation: the first Linear begins its buffer with the biases, the others add.

    One of the input has been done ahead.
    """
    lines = []
    out, columns = layout.now(preactivation), layout.width(preactivation)
    for index, product in enumerate(layout.graph.nodes[preactivation].operands):
        if index == 0 and preactivation in layout.schedule.ahead:
            continue
        source = layout.schedule.source(product)
        start = "" if index else f"{layout.names[preactivation]}_bias"
        sizes = f"rows, {layout.width(source)}, {columns}"
        lines += _product(layout, product, layout.now(source), out, sizes, start, is_backward=False)
    return lines


def _product(layout: Layout, product: int, read: str, out: str, sizes: str, start: str, is_backward: bool) -> list[str]:
    """The calls that add one product to a buffer, which begins with `start` where that is given."""
    if not isinstance(layout.graph.nodes[product], nodes.Linear):
        begun = [f"{out}[:] = real(0)"] if start else []
        return [*begun, _movement(layout, product, read, out, is_backward)]
    function, addend = ("matmul", f"{start}, ") if start else ("matmul_accumulate", "")
    return [f"{function}({read}, {layout.names[product]}_packed, {addend}{out}, {sizes})"]


def _movement(layout: Layout, product: int, read: str, written: str, is_backward: bool) -> str:
    """The call that adds a product without a weight to a buffer; backward, its transpose."""
    node, source = layout.graph.nodes[product], layout.schedule.source(product)
    if isinstance(node, nodes.Columns):
        there = (layout.width(source), layout.size_names[node.first])
        here = (layout.width(product), layout.size_names[node.at])
        (of_read, first), (of_written, at) = (here, there) if is_backward else (there, here)
        sizes = f"{of_read}, {first}, {of_written}, {at}, {layout.size_names[node.count]}"
        return f"columns_accumulate({read}, {written}, rows, {sizes})"
    narrow = source if isinstance(node, nodes.Spread) else product
    is_spread = isinstance(node, nodes.Spread) != is_backward
    wide = layout.width(product if narrow is source else source)
    divisor = layout.size_names[node.divisor] if isinstance(node, nodes.RowSum) else "1"
    function = "spread_accumulate" if is_spread else "row_sum_accumulate"
    return f"{function}({read}, {written}, rows, {wide}, {divisor})"


def _backward_product(layout: Layout, position: int) -> list[str]:
    """The contribution of a Preactivation's gradient to the gradient of what one of its products reads."""
    node = layout.graph.at(position, nodes.LinearGradient)
    gradient, *earlier = node.operands
    columns = layout.width(position)
    start, sizes = "" if earlier else f"zeros_{columns}", f"rows, {layout.width(gradient)}, {columns}"
    lines = _product(layout, node.product, layout.now(gradient), layout.now(position), sizes, start, is_backward=True)
    if isinstance(layout.graph.nodes[node.of], nodes.Input):
        return ["if wants_input:", *indented(lines, 1)]
    return lines


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
            if name and not isinstance(self.layout.graph.nodes[position], nodes.Constant):
                self.lines.append(f"{name} = {expression[0]}")
                expression = (name, Precedence.ATOM)
            self.known[position] = expression
        return self.known[position]

    def _expression(self, position: int) -> Expression:
        node = self.layout.graph.nodes[position]
        if isinstance(node, nodes.Constant):
            return literal(node.number), Precedence.ATOM
        if isinstance(node, nodes.Elementwise) and position not in self.in_memory:
            operation = OPERATIONS[node.operation]
            return operation.filled([self.value(operand) for operand in node.operands]), operation.precedence
        return f"{self.layout.now(position)}[k]", Precedence.ATOM


def literal(number: float) -> str:
    """A constant, in the floating-point type of the loops."""
    if math.isfinite(number):
        return f"real({number!r})"
    return "real(np.nan)" if math.isnan(number) else f"real({'-' if number < 0 else ''}np.inf)"
