"""The phases of a step: what must wait for which matrix products.

A step is cut by its matrix products: a phase is elementwise work, and between two phases lie the products that the
later one needs. Phases are counted from the end of the step: phase 0 makes the next state, and what a product reads is
made at least one phase before the product is used. Everything is made as late as possible.
"""

from rnnbench.backends.fused.ir.graph import Graph
from rnnbench.backends.fused.ir.nodes import Input, Noise, Product, State

Phases = dict[int, int]
"""The phase of every node of the forward pass."""


def phases_of(graph: Graph) -> Phases:
    """The phase of every node that the outputs need, by what reads it; what is given is always there."""
    needed = graph.reachable([*graph.outputs, *graph.positions(Input, State, Noise)])
    phases = dict.fromkeys(sorted(needed), 0)
    for position in sorted(needed, reverse=True):
        node = graph.nodes[position]
        phase = phases[position] + isinstance(node, Product)
        for operand in node.operands:
            phases[operand] = max(phases[operand], phase)
    return phases
