"""Dead code elimination and common subexpression elimination."""

from dataclasses import replace

from rnnbench.backends.fused.ir.graph import Graph
from rnnbench.backends.fused.ir.nodes import Constant, Elementwise, Leaf, Node, Product


def simplified(graph: Graph) -> Graph:
    """The same outputs and gradients, without dead nodes and common subexpressions.

    Leaves stay, also those that nothing reads, since they are the arguments of the step. An output and what a product
    reads have buffers of their own, and stay themselves.
    """
    roots = {*graph.outputs, *graph.gradients.values(), *graph.positions(*Leaf)}
    needed = graph.reachable(roots | set(graph.gradients))
    is_buffer = {*graph.outputs, *(graph.nodes[product].operands[0] for product in graph.positions(Product))}
    small = Graph()
    moved: dict[int, int] = {}
    known: dict[Node | str, int] = {}
    for position in sorted(needed):
        node = graph.nodes[position].moved(moved)
        if position in is_buffer or not isinstance(node, (Elementwise, Constant)):
            moved[position] = small.add(node)
            continue
        key = repr(node) if isinstance(node, Constant) else node  # 0.0 == -0.0, but they are not the same
        if key not in known:
            known[key] = small.add(node)
        elif isinstance(node, Elementwise) and node.label:
            _name(small, known[key], node.label)
        moved[position] = known[key]
    small.outputs = tuple(moved[position] for position in graph.outputs)
    small.gradients = {moved[position]: moved[gradient] for position, gradient in graph.gradients.items()}
    small.adjoints = {moved[p]: moved[g] for p, g in graph.adjoints.items() if p in needed and g in needed}
    return small


def _name(graph: Graph, position: int, label: str) -> None:
    """Give a value without a name the name of its duplicate."""
    node = graph.nodes[position]
    if isinstance(node, Elementwise) and not node.label:
        graph.nodes[position] = replace(node, label=label)
