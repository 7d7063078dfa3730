"""Reverse-mode differentiation of a step: adjoint nodes are added to its graph.

Backward through the step, phase by phase: the gradient of an elementwise node, its adjoint, is the sum of what its
users contribute to it; the rules of `operations.OPERATIONS` define its contributions to the gradients of its operands.
Inside a phase these sums are plain nodes. The gradient of a leaf or of a node of another phase accumulates in a buffer,
and so does that of a Preactivation, which its products propagate to what they read. The content of a buffer is a value
like others here: each time the buffer is written, it is a new node.
"""

from rnnbench.backends.fused.ir.graph import Graph
from rnnbench.backends.fused.ir.nodes import (
    Constant,
    EarlierGradient,
    Elementwise,
    Input,
    LinearGradient,
    NextStateGradient,
    Node,
    Noise,
    Parameter,
    Preactivation,
    State,
    StoredGradient,
)
from rnnbench.backends.fused.ir.operations import OPERATIONS
from rnnbench.backends.fused.ir.phases import Phases
from rnnbench.backends.fused.ir.terms import Term


def differentiate(step: Graph, phases: Phases) -> Graph:
    """The step's nodes and those of its gradients with respect to inputs, states, parameters and Preactivations."""
    return _Differentiation(step, phases).graph


class _Differentiation:
    """One pass over the nodes of a step, the last first."""

    def __init__(self, step: Graph, phases: Phases) -> None:
        self.graph = Graph(list(step.nodes), step.outputs)
        self.phases = phases
        self.contributions: dict[int, list[int]] = {}
        """What the current phase has found so far for the gradients of nodes."""
        self.buffers: dict[int, int] = {}
        """For nodes whose gradient accumulates in a buffer, the node that is its content by now."""
        widths = sorted({node.width for node in step.nodes if node.width is not None})
        backward = sorted(phases, reverse=True)
        for phase in range(max(phases.values()) + 1):
            for width in widths:
                for position in backward:
                    if phases[position] == phase and step.nodes[position].width == width:
                        self._visit(position)
                self._leave_phase(phase)
            for position in self._preactivations(phase):
                self._propagate_through_products(position)
        kept = step.positions(Input, State, Parameter, Preactivation)
        self.graph.gradients = {position: self.buffers[position] for position in kept if position in self.buffers}

    def _visit(self, position: int) -> None:
        """The gradient of a node, now complete, and what it contributes to those of its operands."""
        node = self.graph.nodes[position]
        if not isinstance(node, (Elementwise, Preactivation)):
            return
        terms = [*self._stored_earlier(position), *self.contributions.pop(position, [])]
        if not terms:
            return
        gradient = self._sum(terms)
        if isinstance(node, Preactivation):
            self._store(position, gradient)
            return
        self.graph.adjoints[position] = gradient
        values = [Term(self.graph, operand) for operand in (gradient, position, *node.operands)]
        for operand, rule in zip(node.operands, OPERATIONS[node.operation].gradients, strict=False):  # but settings
            if rule is not None and _has_gradient(self.graph.nodes[operand]):
                self.contributions.setdefault(operand, []).append(rule(*values).position)

    def _stored_earlier(self, position: int) -> list[int]:
        """What later steps and other phases have stored for a node."""
        arrived = []
        if position in self.graph.outputs:
            arrived.append(self.graph.add(NextStateGradient(of=position, width=self.graph.width(position))))
        if position in self.buffers:
            arrived.append(self.buffers.pop(position))
        return arrived

    def _leave_phase(self, phase: int) -> None:
        """Store the contributions to leaves and to nodes of other phases in their buffers."""
        for position, terms in self.contributions.items():
            self._store(position, self._sum([*self._content(position), *terms]), phase)
        self.contributions.clear()

    def _store(self, position: int, gradient: int, phase: int | None = None) -> None:
        phase = self.phases[position] if phase is None else phase
        width = self.graph.width(position)
        stored = StoredGradient(of=position, operands=(gradient,), phase=phase, width=width)
        self.buffers[position] = self.graph.add(stored)

    def _content(self, position: int) -> list[int]:
        """The current content of the buffer of a node's gradient, if any."""
        node = self.graph.nodes[position]
        starts_full = isinstance(node, Parameter) or (isinstance(node, State) and node.index == 0)
        if position not in self.buffers and starts_full:
            return [self.graph.add(EarlierGradient(of=position, width=node.width))]
        return [self.buffers[position]] if position in self.buffers else []

    def _preactivations(self, phase: int) -> list[int]:
        """Those of a phase that a gradient has reached."""
        reached = [position for position in self.buffers if isinstance(self.graph.nodes[position], Preactivation)]
        return [position for position in reached if self.phases[position] == phase]

    def _propagate_through_products(self, preactivation: int) -> None:
        """Propagate the gradient of a Preactivation to what its products read."""
        for product in self.graph.nodes[preactivation].operands:
            (source,) = self.graph.nodes[product].operands
            self.buffers[source] = self.graph.add(
                LinearGradient(
                    of=source,
                    product=product,
                    operands=(self.buffers[preactivation], *self._content(source)),
                    width=self.graph.width(source),
                )
            )

    def _sum(self, terms: list[int]) -> int:
        total = terms[0]
        for term in terms[1:]:
            total = self.graph.apply("add", total, term)
        return total


def _has_gradient(node: Node) -> bool:
    is_comparison = isinstance(node, Elementwise) and node.is_comparison
    return not (is_comparison or isinstance(node, (Constant, Noise)))
