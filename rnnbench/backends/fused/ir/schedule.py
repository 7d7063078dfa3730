"""What is computed when, and what is kept.

A step is cut into phases by its matrix products: a phase is a loop over batch and features, and between two phases lie
the products that the later one needs. Phases are counted from the end of the step: phase 0 makes the next state, and
what a product reads is made at least one phase before the product is used. Everything is made as late as possible.
"""

from dataclasses import dataclass

from rnnbench.backends.fused.codegen.names import names_of_nodes, names_of_states
from rnnbench.backends.fused.ir.graph import LEAVES, Graph, Node
from rnnbench.backends.fused.ir.operations import OPERATIONS


@dataclass(frozen=True)
class Schedule:
    """A graph whose matrix products stand in sums, and the phase, name and place of every node.

    A "sum" node is a sum of Linears, the pre-activation of a gate, and gathers its products in one buffer.
    """

    graph: Graph
    phases: tuple[int, ...]
    names: tuple[str, ...]
    saved_for_backward: tuple[int, ...]
    """Nodes kept for every step, beside the states: what products read, costly values, sums the derivatives need."""
    preactivations: tuple[int, ...]
    parameters: tuple[int, ...]
    state_names: tuple[str, ...]

    @property
    def linears(self) -> tuple[int, ...]:
        """The Linears in the order of the sums."""
        return tuple(linear for total in self.preactivations for linear in self.graph.nodes[total].operands)

    def source(self, linear: int) -> int:
        """What a Linear reads."""
        return self.graph.nodes[linear].operands[0]


def make_schedule(traced: Graph, state_names: tuple[str, ...]) -> Schedule:
    """Cut the graph of a step into phases."""
    graph = _Rewriting(traced).graph
    phases = _phases(graph)
    positions = range(len(graph.nodes))
    sums = tuple(position for position in positions if graph.nodes[position].operation == "sum")
    states = names_of_states(state_names)
    return Schedule(
        graph=graph,
        phases=phases,
        names=names_of_nodes(graph, states),
        saved_for_backward=_saved_for_backward(graph),
        preactivations=tuple(sorted(sums, key=lambda position: -phases[position])),
        parameters=tuple(position for position in positions if graph.nodes[position].operation == "parameter"),
        state_names=states,
    )


class _Rewriting:
    """Copies what the outputs need, gathering the Linears of every chain of additions in one sum."""

    def __init__(self, traced: Graph) -> None:
        self.traced = traced
        self.graph = Graph()
        self.done: dict[int, int] = {}
        self.shared: dict[Node, int] = {}
        self.uses = _uses(traced)
        for position in range(len(traced.nodes)):
            if traced.nodes[position].operation in ("input", "state"):
                self._copy(position)
        outputs: list[int] = []
        for position in traced.outputs:
            outputs.append(self._own_node(self._copy(position), outputs))
        self.graph.outputs = tuple(outputs)

    def _copy(self, position: int) -> int:
        if position not in self.done:
            self.done[position] = self._translate(position)
        return self.done[position]

    def _translate(self, position: int) -> int:
        node = self.traced.nodes[position]
        if node.operation in LEAVES:
            return self._once(node)
        if node.operation == "linear":
            return self._sum([position])
        terms = self._terms(position) if node.operation == "add" else [position]
        linears = [term for term in terms if self._is_only_added(term)]
        if not linears:
            operands = tuple(self._copy(operand) for operand in node.operands)
            return self.graph.add(Node(node.operation, operands, node.width, label=node.label))
        total = self._sum(linears)
        for term in terms:
            if term not in linears:
                total = self.graph.apply("add", total, self._copy(term))
        return total

    def _terms(self, position: int) -> list[int]:
        """What a chain of additions adds, as long as nothing else needs the sums between."""
        terms: list[int] = []
        for operand in self.traced.nodes[position].operands:
            inner = self.traced.nodes[operand].operation == "add" and self.uses[operand] == 1
            terms += self._terms(operand) if inner else [operand]
        return terms

    def _is_only_added(self, position: int) -> bool:
        return self.traced.nodes[position].operation == "linear" and self.uses[position] == 1

    def _sum(self, linears: list[int]) -> int:
        """A sum of Linears, those of the input first: the others need not be known when it is begun."""
        copies = [copy for linear in linears for copy in self._linears(self.traced.nodes[linear])]
        nodes = self.graph.nodes
        copies.sort(key=lambda copy: nodes[nodes[copy].operands[0]].operation != "input")
        return self.graph.add(Node("sum", tuple(copies), nodes[copies[0]].width))

    def _linears(self, node: Node) -> list[int]:
        """A Linear; of a concatenation, one for each part, with its columns of the weight."""
        source = node.operands[0]
        parts = self.traced.nodes[source].operands if self.traced.nodes[source].operation == "cat" else (source,)
        copies, column = [], 0
        for part in parts:
            read, width = self._copy(part), self.traced.nodes[part].width or 0
            if self.graph.nodes[read].operation in ("parameter", "constant"):
                read = self.graph.add(Node("copy", (read,), width))
            copies.append(self.graph.add(Node("linear", (read,), node.width, node.path, column)))
            column += width
        return copies

    def _once(self, node: Node) -> int:
        if node not in self.shared:
            self.shared[node] = self.graph.add(node)
        return self.shared[node]

    def _own_node(self, position: int, taken: list[int]) -> int:
        """A node that is this state tensor and nothing else, so that it has a buffer of its own."""
        node = self.graph.nodes[position]
        if position in taken or node.operation in LEAVES | {"sum"}:
            return self.graph.add(Node("copy", (position,), node.width or self._hidden_size()))
        return position

    def _hidden_size(self) -> int | None:
        return next(node.width for node in self.traced.nodes if node.operation == "state")


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


def _phases(graph: Graph) -> tuple[int, ...]:
    """The phase of every node, by what reads it."""
    phases = [0] * len(graph.nodes)
    for position in reversed(range(len(graph.nodes))):
        node = graph.nodes[position]
        phase = phases[position] + (1 if node.operation == "linear" else 0)
        for operand in node.operands:
            phases[operand] = max(phases[operand], phase)
    return tuple(phases)


def _saved_for_backward(graph: Graph) -> tuple[int, ...]:
    """The nodes to keep for every step, beside the states."""
    kept = {
        position
        for position, node in enumerate(graph.nodes)
        if node.operation in OPERATIONS and OPERATIONS[node.operation].costly
    }
    kept |= {graph.nodes[p].operands[0] for p in range(len(graph.nodes)) if graph.nodes[p].operation == "linear"}
    kept -= {position for position in kept if graph.nodes[position].operation in LEAVES}
    kept |= {position for position in _needed(graph, kept) if graph.nodes[position].operation == "sum"}
    return tuple(sorted(kept - set(graph.outputs)))


def _needed(graph: Graph, kept: set[int]) -> set[int]:
    """The nodes whose values the derivatives need, following those that are computed again."""
    needed: set[int] = set()
    for position, node in enumerate(graph.nodes):
        if node.operation not in OPERATIONS:
            continue
        templates = " ".join(template for template in OPERATIONS[node.operation].gradients if template)
        needed |= {operand for index, operand in enumerate(node.operands) if f"{{{index}}}" in templates}
        if "{y}" in templates:
            needed.add(position)
    for position in reversed(range(len(graph.nodes))):
        again = position in needed and position not in kept and position not in graph.outputs
        if again and graph.nodes[position].operation in OPERATIONS:
            needed |= set(graph.nodes[position].operands)
    return needed
