"""Reverse-mode differentiation of a step: adjoint nodes are added to its graph, which is then simplified.

A step is cut by its matrix products: a phase is elementwise work, and between two phases lie the products that the
later one needs. Phases are counted from the end of the step: phase 0 makes the next state, and what a product reads is
made at least one phase before the product is used. Everything is made as late as possible.

Backward through the step, phase by phase: the gradient of an elementwise node, its adjoint, is the sum of what its
users contribute to it; the rules of `operations.OPERATIONS` define its contributions to the gradients of its operands.
Inside a phase these sums are plain nodes. The gradient of a leaf or of a node of another phase accumulates in a buffer,
and so does that of a Preactivation, which its products propagate to what they read. The content of a buffer is a value
like others here: each time the buffer is written, it is a new node.
"""

from dataclasses import replace

from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.graph import Graph, Term, is_comparison
from rnnbench.backends.fused.ir.operations import OPERATIONS

Phases = dict[int, int]
"""The phase of every node of the forward pass."""


def phases_of(graph: Graph) -> Phases:
    """The phase of every node that the outputs need, by what reads it; what is given is always there."""
    needed = graph.reachable([*graph.outputs, *graph.positions(nodes.Input, nodes.State, nodes.Noise)])
    phases = dict.fromkeys(sorted(needed), 0)
    for position in sorted(needed, reverse=True):
        node = graph.nodes[position]
        phase = phases[position] + isinstance(node, nodes.Product)
        for operand in node.operands:
            phases[operand] = max(phases[operand], phase)
    return phases


class Differentiation:
    """One pass over the nodes of a step, the last first."""

    graph: Graph
    """The step's nodes and those of its gradients with respect to inputs, states, parameters and Preactivations."""

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
            reached = [p for p in self.buffers if isinstance(self.graph.nodes[p], nodes.Preactivation)]
            for position in (p for p in reached if phases[p] == phase):
                self._propagate_through_products(position)
        kept = step.positions(nodes.Input, nodes.State, nodes.Parameter, nodes.Preactivation)
        self.graph.gradients = {position: self.buffers[position] for position in kept if position in self.buffers}

    def _visit(self, position: int) -> None:
        """The gradient of a node, now complete, and what it contributes to those of its operands."""
        node = self.graph.nodes[position]
        if not isinstance(node, (nodes.Elementwise, nodes.Preactivation)):
            return
        terms = [*self._stored_earlier(position), *self.contributions.pop(position, [])]
        if not terms:
            return
        gradient = self._sum(terms)
        if isinstance(node, nodes.Preactivation):
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
            arrived.append(self.graph.add(nodes.NextStateGradient(of=position, width=self.graph.width(position))))
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
        stored = nodes.StoredGradient(of=position, operands=(gradient,), phase=phase, width=width)
        self.buffers[position] = self.graph.add(stored)

    def _content(self, position: int) -> list[int]:
        """The current content of the buffer of a node's gradient, if any."""
        node = self.graph.nodes[position]
        starts_full = isinstance(node, nodes.Parameter) or (isinstance(node, nodes.State) and node.index == 0)
        if position not in self.buffers and starts_full:
            return [self.graph.add(nodes.EarlierGradient(of=position, width=node.width))]
        return [self.buffers[position]] if position in self.buffers else []

    def _propagate_through_products(self, preactivation: int) -> None:
        """Propagate the gradient of a Preactivation to what its products read."""
        for product in self.graph.nodes[preactivation].operands:
            (source,) = self.graph.nodes[product].operands
            operands, width = (self.buffers[preactivation], *self._content(source)), self.graph.width(source)
            gradient = nodes.LinearGradient(of=source, product=product, operands=operands, width=width)
            self.buffers[source] = self.graph.add(gradient)

    def _sum(self, terms: list[int]) -> int:
        total = terms[0]
        for term in terms[1:]:
            total = self.graph.apply("add", total, term)
        return total


def _has_gradient(node: nodes.Node) -> bool:
    return not (is_comparison(node) or isinstance(node, (nodes.Constant, nodes.Noise)))


def simplified(graph: Graph) -> Graph:
    """The same outputs and gradients, without dead nodes and common subexpressions.

    Leaves stay, also those that nothing reads, since they are the arguments of the step. An output and what a product
    reads have buffers of their own, and stay themselves.
    """
    roots = {*graph.outputs, *graph.gradients.values(), *graph.positions(*nodes.Leaf)}
    needed = graph.reachable(roots | set(graph.gradients))
    is_buffer = {*graph.outputs, *(graph.nodes[product].operands[0] for product in graph.positions(nodes.Product))}
    small = Graph()
    moved: dict[int, int] = {}
    known: dict[nodes.Node | str, int] = {}
    for position in sorted(needed):
        node = graph.nodes[position].moved(moved)
        if position in is_buffer or not isinstance(node, (nodes.Elementwise, nodes.Constant)):
            moved[position] = small.add(node)
            continue
        key = repr(node) if isinstance(node, nodes.Constant) else node  # 0.0 == -0.0, but they are not the same
        if key not in known:
            known[key] = small.add(node)
        elif isinstance(node, nodes.Elementwise) and node.label:
            _name(small, known[key], node.label)
        moved[position] = known[key]
    small.outputs = tuple(moved[position] for position in graph.outputs)
    small.gradients = {moved[position]: moved[gradient] for position, gradient in graph.gradients.items()}
    small.adjoints = {moved[p]: moved[g] for p, g in graph.adjoints.items() if p in needed and g in needed}
    return small


def _name(graph: Graph, position: int, label: str) -> None:
    node = graph.nodes[position]
    if isinstance(node, nodes.Elementwise) and not node.label:
        graph.nodes[position] = replace(node, label=label)
