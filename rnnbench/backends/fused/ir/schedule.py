"""The schedule of a step: the loops and products of its forward and its backward pass, and what is saved between them.

The graph of a trace is gathered, differentiated and simplified, and then cut: the values of a phase that
lie in a buffer are stored by one loop over batch and features for every width, and before it come the products of the
Preactivations that it reads; backward the other way round.
"""

from dataclasses import dataclass

from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.differentiate import Differentiation, Phases, phases_of, simplified
from rnnbench.backends.fused.ir.gather import Gathering
from rnnbench.backends.fused.ir.graph import Graph
from rnnbench.backends.fused.ir.operations import OPERATIONS


@dataclass(frozen=True)
class Loop:
    """One loop over batch and features of a width, and the nodes that it stores in their buffers."""

    width: int
    stores: tuple[int, ...]


Work = Loop | int
"""A loop, or the position of a Preactivation or a LinearGradient, whose matrix products are done."""


@dataclass(frozen=True)
class Schedule:
    """A step with its gradients, and the order of its work."""

    graph: Graph
    phases: Phases
    """Of the nodes of the forward pass."""
    forward: tuple[Work, ...]
    backward: tuple[Work, ...]
    saved_for_backward: tuple[int, ...]
    """Nodes saved for every step, besides the states: what products read, and values that the backward pass reads."""
    preactivations: tuple[int, ...]
    """In the order in which they are computed."""
    parameters: tuple[int, ...]
    """Those that are read elementwise."""
    state_names: tuple[str, ...]
    """What the cell calls the tensors of its state."""

    @property
    def linears(self) -> tuple[int, ...]:
        """The Linears in the order of the Preactivations."""
        return tuple(linear for total in self.preactivations for linear in self.linears_of(total))

    @property
    def linear_sums(self) -> tuple[int, ...]:
        """The Preactivations with Linears: those that begin with a sum of biases and give gradients of weights."""
        return tuple(total for total in self.preactivations if self.linears_of(total))

    def linears_of(self, preactivation: int) -> tuple[int, ...]:
        """The Linears among the products of a Preactivation."""
        products = self.graph.nodes[preactivation].operands
        return tuple(product for product in products if isinstance(self.graph.nodes[product], nodes.Linear))

    @property
    def ahead(self) -> tuple[int, ...]:
        """The Preactivations that begin with a product of the input, which needs no earlier step."""
        known = self.graph.nodes
        first = {total: known[total].operands[0] for total in self.preactivations}
        of_input = {p for p in first.values() if isinstance(known[self.source(p)], nodes.Input)}
        return tuple(
            t for t, product in first.items() if product in of_input and isinstance(known[product], nodes.Linear)
        )

    def source(self, product: int) -> int:
        """What a product reads."""
        return self.graph.nodes[product].operands[0]


def make_schedule(traced: Graph, state_names: tuple[str, ...]) -> Schedule:
    """The schedule of a traced step."""
    step = Gathering(traced).graph
    graph = simplified(Differentiation(step, phases_of(step)).graph)
    phases = phases_of(graph)
    saved = _saved_for_backward(graph, phases)
    preactivations = tuple(sorted(graph.positions(nodes.Preactivation), key=lambda position: -phases[position]))
    return Schedule(
        graph=graph,
        phases=phases,
        forward=_forward(graph, phases, {*saved, *graph.outputs}),
        backward=_backward(graph, phases),
        saved_for_backward=saved,
        preactivations=preactivations,
        parameters=graph.positions(nodes.Parameter),
        state_names=state_names,
    )


def _forward(graph: Graph, phases: Phases, stored: set[int]) -> tuple[Work, ...]:
    work: list[Work] = []
    for phase in reversed(range(max(phases.values()) + 1)):
        work += [p for p in graph.positions(nodes.Preactivation) if phases[p] == phase]
        here = [p for p in graph.positions(nodes.Elementwise) if p in stored and phases[p] == phase]
        work += _loops(graph, here)
    return tuple(work)


def _backward(graph: Graph, phases: Phases) -> tuple[Work, ...]:
    work: list[Work] = []
    phase_of = {p: graph.at(p, nodes.StoredGradient).phase for p in graph.positions(nodes.StoredGradient)}
    for phase in range(max(phases.values()) + 1):
        work += _loops(graph, [p for p in phase_of if phase_of[p] == phase])
        propagated = graph.positions(nodes.LinearGradient)
        work += [p for p in propagated if phase_of[graph.nodes[p].operands[0]] == phase]
    return tuple(work)


def _loops(graph: Graph, stored: list[int]) -> list[Loop]:
    widths = sorted({graph.width(position) for position in stored})
    return [Loop(width, tuple(p for p in stored if graph.width(p) == width)) for width in widths]


def _saved_for_backward(graph: Graph, phases: Phases) -> tuple[int, ...]:
    read_by_products = {graph.nodes[product].operands[0] for product in graph.positions(nodes.Product)}
    costly = {
        p for p in graph.positions(nodes.Elementwise) if OPERATIONS[graph.at(p, nodes.Elementwise).operation].costly
    }
    costly &= phases.keys()
    read = _read_by_backward(graph, phases, read_by_products | costly | set(graph.outputs))
    saved = read_by_products | (costly & (read | _read_later(graph, phases)))
    saved |= read & set(graph.positions(nodes.Preactivation))
    return tuple(sorted(saved - set(graph.positions(*nodes.Leaf)) - set(graph.outputs)))


def _read_by_backward(graph: Graph, phases: Phases, kept: set[int]) -> set[int]:
    """The values of the forward pass that gradients are computed from, following those that are computed again."""
    read: set[int] = set()
    for position in reversed(range(len(graph.nodes))):
        node = graph.nodes[position]
        is_computed_again = position in read and position not in kept and isinstance(node, nodes.Elementwise)
        if position not in phases or is_computed_again:
            read.update(node.operands)
    return read


def _read_later(graph: Graph, phases: Phases) -> set[int]:
    return {operand for p in phases for operand in graph.nodes[p].operands if phases[operand] > phases[p]}
