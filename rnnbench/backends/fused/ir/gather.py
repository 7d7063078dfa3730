"""Gathers the matrix products of a step in Preactivations, sums of products that have a buffer of their own.

From the graph of a trace to one of the nodes that the outputs need: every product belongs to one Preactivation, a
product with a Concatenation has become several, one for each part, and every output is a node of its own.
"""

from dataclasses import replace

from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.graph import Graph


class Gathering:
    """Copies what the outputs need, gathering the products of every chain of additions in one Preactivation."""

    graph: Graph
    """The same step with its products in Preactivations."""

    def __init__(self, traced: Graph) -> None:
        self.traced = traced
        self.graph = Graph()
        self.done: dict[int, int] = {}
        self.leaves: dict[str, int] = {}
        self.uses = _uses(traced)
        for position in traced.positions(nodes.Input, nodes.State, nodes.Noise):
            self._copy(position)
        outputs: list[int] = []
        for position, state in zip(traced.outputs, traced.positions(nodes.State), strict=True):
            outputs.append(self._own_node(self._copy(position), outputs, traced.width(state)))
        self.graph.outputs = tuple(outputs)

    def _copy(self, position: int) -> int:
        if position not in self.done:
            self.done[position] = self._copied(self.traced.nodes[position], position)
        return self.done[position]

    def _copied(self, node: nodes.Node, position: int) -> int:
        if isinstance(node, nodes.Leaf):
            return self._leaf(node)
        if isinstance(node, nodes.Product):
            return self._preactivation([node])
        if isinstance(node, nodes.Concatenation):
            return self._preactivation(_placed(self.traced, node))
        terms = self._terms(node) if _is_addition(node) else [position]
        products = [term for term in terms if self._is_only_added(term)]
        if not products:
            return self.graph.add(replace(node, operands=tuple(self._copy(operand) for operand in node.operands)))
        total = self._preactivation([self.traced.at(product, nodes.Product) for product in products])
        for term in terms:
            if term not in products:
                total = self.graph.apply("add", total, self._copy(term))
        return total

    def _terms(self, addition: nodes.Node) -> list[int]:
        """What a chain of additions adds, as long as nothing else needs the sums between."""
        terms: list[int] = []
        for operand in addition.operands:
            inner = self.traced.nodes[operand]
            is_inside = _is_addition(inner) and self.uses[operand] == 1
            terms += self._terms(inner) if is_inside else [operand]
        return terms

    def _is_only_added(self, position: int) -> bool:
        return isinstance(self.traced.nodes[position], nodes.Product) and self.uses[position] == 1

    def _preactivation(self, products: list[nodes.Product]) -> int:
        """A sum of products, those of the input first: the others need not be known when it is begun.

        Linears come before others, since the first of them begins the sum with the biases.
        """
        pieces = [piece for product in products for piece in self._pieces(product)]
        made = self.graph.nodes
        pieces.sort(key=lambda piece: not isinstance(made[made[piece].operands[0]], nodes.Input))
        pieces.sort(key=lambda piece: not isinstance(made[piece], nodes.Linear))
        return self.graph.add(nodes.Preactivation(operands=tuple(pieces), width=made[pieces[0]].width))

    def _pieces(self, product: nodes.Product) -> list[int]:
        """A product; of a concatenation, one for each part, a Linear with its columns of the weight."""
        source = product.operands[0]
        read = self.traced.nodes[source]
        parts = read.operands if isinstance(read, nodes.Concatenation) else (source,)
        pieces, column = [], 0
        for part in parts:
            copy, width = self._copy(part), self.traced.width(part)
            if isinstance(self.graph.nodes[copy], (nodes.Parameter, nodes.Constant)):
                copy = self._duplicate(copy, width)  # a product reads a (batch, width) buffer
            piece = replace(product, operands=(copy,))
            if isinstance(piece, nodes.Linear) and column:
                piece = replace(piece, first_column=column, bias="")
            pieces.append(self.graph.add(piece))
            column += width
        return pieces

    def _leaf(self, node: nodes.Node) -> int:
        key = repr(node)  # 0.0 == -0.0, but they are different constants
        if key not in self.leaves:
            self.leaves[key] = self.graph.add(node)
        return self.leaves[key]

    def _own_node(self, position: int, taken: list[int], width: int) -> int:
        """A node that is this state tensor and nothing else, so that it has a buffer of its own."""
        node = self.graph.nodes[position]
        if position in taken or isinstance(node, (*nodes.Leaf, nodes.Preactivation)):
            return self._duplicate(position, node.width or width)
        return position

    def _duplicate(self, position: int, width: int) -> int:
        return self.graph.add(nodes.Elementwise(operation="copy", operands=(position,), width=width))


def _placed(graph: Graph, node: nodes.Concatenation) -> list[nodes.Product]:
    products: list[nodes.Product] = []
    at = 0
    for part in node.operands:
        count = graph.width(part)
        products.append(nodes.Columns(operands=(part,), at=at, count=count, width=node.width))
        at += count
    return products


def _is_addition(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Elementwise) and node.operation == "add"


def _uses(graph: Graph) -> list[int]:
    """How often every node is read by a node that the outputs need, or is an output."""
    uses = [0] * len(graph.nodes)
    for output in graph.outputs:
        uses[output] += 1
    for position in reversed(range(len(graph.nodes))):
        if uses[position]:
            for operand in graph.nodes[position].operands:
                uses[operand] += 1
    return uses
