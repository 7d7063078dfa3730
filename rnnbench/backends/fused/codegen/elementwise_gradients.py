"""One elementwise loop of the way back."""

from rnnbench.backends.fused.codegen.expressions import Expressions, without_brackets
from rnnbench.backends.fused.codegen.gradient_buffers import GradientBuffers
from rnnbench.backends.fused.codegen.layout import indented
from rnnbench.backends.fused.ir.operations import COMPARISONS, OPERATIONS


class ElementwiseGradients:
    """Writes the gradients of the nodes of one phase and width, in reverse order."""

    def __init__(self, buffers: GradientBuffers, phase: int, width: int) -> None:
        self.buffers = buffers
        self.layout, self.schedule, self.nodes = buffers.layout, buffers.layout.schedule, buffers.nodes
        self.phase, self.width = phase, width
        self.expressions = Expressions(self.layout, self.layout.lies_in_sequence)
        self.gathered: dict[int, list[str]] = {}
        self.stores: list[str] = []

    def lines(self) -> list[str]:
        """The loop, or nothing where there is nothing to hand on."""
        for position in reversed(range(len(self.nodes))):
            node = self.nodes[position]
            here = self.schedule.phases[position] == self.phase and node.width == self.width
            if here and (node.operation in OPERATIONS or node.operation == "sum"):
                self._visit(position)
        for position in [p for p in self.gathered if not self._is_here(p)]:
            self._hand_on(position)
        if not self.stores:
            return []
        head = f"for k in range(rows * {self.layout.width_names[self.width]}):"
        return [head, *indented([*self.expressions.lines, *self.stores], 1)]

    def _is_here(self, position: int) -> bool:
        return self.schedule.phases[position] == self.phase and not self.buffers.is_leaf(position)

    def _visit(self, position: int) -> None:
        """The gradient of a node, now whole, and what it adds to its operands'."""
        terms = self._arrived(position) + self.gathered.pop(position, [])
        if not terms:
            return
        node, name = self.nodes[position], f"{self.layout.name(position)}_gradient"
        if node.operation == "sum":
            self.buffers.reached.append(position)
            self.stores.append(f"{self.buffers.name(position)}[k] = flushed({without_brackets(_added(terms))})")
            return
        self.expressions.lines.append(f"{name} = {without_brackets(_added(terms))}")
        operation = OPERATIONS[node.operation]
        for operand, template in zip(node.operands, operation.gradients, strict=True):
            if template is not None and self._has_gradient(operand):
                self.gathered.setdefault(operand, []).append(self._filled(template, position, name))

    def _arrived(self, position: int) -> list[str]:
        """What later steps and phases have left for a node."""
        terms = []
        if position in self.schedule.graph.outputs:
            terms.append(f"{self.layout.now(position)}_gradient[k]")
        if self.buffers.holds(position):
            terms.append(f"{self.buffers.name(position)}[k]")
        return terms

    def _has_gradient(self, position: int) -> bool:
        return self.nodes[position].operation not in COMPARISONS | {"constant"}

    def _filled(self, template: str, position: int, gradient: str) -> str:
        operands = [
            self.expressions.value(operand) if f"{{{index}}}" in template else ""
            for index, operand in enumerate(self.nodes[position].operands)
        ]
        value = self.expressions.value(position) if "{y}" in template else ""
        return template.format(*operands, g=gradient, y=value)

    def _hand_on(self, position: int) -> None:
        """Leave what was gathered for a leaf or for a node of an earlier phase in its buffer."""
        buffer = f"{self.buffers.name(position)}[k]"
        terms = self.gathered[position]
        if self.buffers.holds(position):
            terms = [buffer, *terms]
        self.buffers.begin(position)
        self.stores.append(f"{buffer} = flushed({without_brackets(_added(terms))})")


def _added(terms: list[str]) -> str:
    return " + ".join(terms)
