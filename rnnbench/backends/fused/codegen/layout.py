"""The buffers of a schedule: their names in the generated source, their order as arguments, their slices at a step.

Every buffer is flat. What is saved for the backward pass lies as (steps, batch, width), a state as (steps + 1, batch,
width) with the initial state first, so that a step's rows are one slice, and loops run over plain contiguous arrays.
"""

import keyword
import re

from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.graph import Graph
from rnnbench.backends.fused.ir.operations import OPERATIONS
from rnnbench.backends.fused.ir.schedule import Schedule


class Layout:
    """Names for everything that the generated functions read and write."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.graph = schedule.graph
        names = enumerate(schedule.state_names)
        self.state_names = tuple(name if _is_free(name) else f"state{index}" for index, name in names)
        """The cell's own names where they are free, and Python takes them."""
        self.names = names_of_nodes(schedule, self.state_names)
        self.backward = set(range(len(self.graph.nodes))) - schedule.phases.keys()
        """The nodes that only the backward pass computes."""
        widths = sorted({node.width for node in self.graph.nodes if node.width is not None})
        special = {self.graph.width(self.graph.positions(nodes.Input)[0]): "inputs"}
        special[self.graph.width(self.graph.positions(nodes.State)[0])] = "hidden"
        self.width_names = {width: special.get(width, f"width{index}") for index, width in enumerate(widths)}
        columns = [self.graph.at(p, nodes.Columns) for p in self.graph.positions(nodes.Columns)]
        sums = [self.graph.at(p, nodes.RowSum) for p in self.graph.positions(nodes.RowSum)]
        numbers = {number for node in columns for number in (node.first, node.at, node.count)}
        numbers |= {node.divisor for node in sums}
        self.size_names = {0: "0", 1: "1"} | {
            number: f"size{index}" for index, number in enumerate(sorted(numbers - {0, 1}))
        }

    @property
    def sizes(self) -> dict[str, int]:
        """The widths, and where parts of a value are, by the names of the arguments that they are."""
        sizes = {name: width for width, name in self.width_names.items()}
        return sizes | {name: number for number, name in self.size_names.items() if number > 1}

    def width(self, position: int) -> str:
        """The name of a node's width."""
        return self.width_names[self.graph.width(position)]

    @property
    def state_widths(self) -> dict[str, str]:
        """The name of the width of every state tensor."""
        widths = map(self.width, self.graph.positions(nodes.State))
        return dict(zip(self.state_names, widths, strict=True))

    def forward_arguments(self) -> list[str]:
        """The arrays that the forward loop takes: what both loops read, and the sums of biases."""
        return [*self._read(), *(f"{self.names[p]}_bias" for p in self.schedule.linear_sums)]

    def backward_arguments(self) -> list[str]:
        """The arrays that the backward loop takes: what both loops read, and the gradients that it writes."""
        schedule, names = self.schedule, self.names
        return [
            *self._read(),
            "input_gradients",
            *(f"{name}_gradients" for name in self.state_names),
            *(f"{names[p]}_gradient" for p in schedule.linears),
            *(f"{names[p]}_bias_gradient" for p in schedule.linear_sums),
            *(f"{names[p]}_gradients" for p in schedule.parameters),
        ]

    def _read(self) -> list[str]:
        schedule, names = self.schedule, self.names
        values = [*self.graph.positions(nodes.Noise), *schedule.saved_for_backward, *schedule.parameters]
        return [
            "input_all",
            *(f"{name}_all" for name in self.state_names),
            *(f"{names[p]}_all" for p in values),
            *(f"{names[p]}_weight" for p in schedule.linears),
        ]

    def whole(self, position: int) -> str:
        """The buffer over all steps in which a leaf, an output or a saved node lies."""
        if position in self.graph.outputs:
            return f"{self.state_names[self.graph.outputs.index(position)]}_all"
        return f"{self.names[position]}_all"

    def now(self, position: int) -> str:
        """The name of a node's rows at this step."""
        node = self.graph.nodes[position]
        if isinstance(node, nodes.NextStateGradient):
            return f"{self.now(node.of)}_gradient"
        if isinstance(node, nodes.Gradient):
            return self.gradient(node.of)
        if position in self.graph.outputs:
            return f"{self.state_names[self.graph.outputs.index(position)]}_next"
        return f"{self.names[position]}_now"

    def gradient(self, position: int) -> str:
        """The name of the rows, at this step, in which the gradient with respect to a node gathers."""
        if isinstance(self.graph.nodes[position], (nodes.Input, nodes.State, nodes.Parameter)):
            return f"{self.now(position)}_gradient"
        return f"{self.names[position]}_gradient_now"

    def step_slices(self) -> list[str]:
        """The rows of every value at this step; `row` is the first of them."""
        lines = [f"at_{width} = row * {width}" for width in dict.fromkeys(self.width_names.values())]
        lines.append(_slice("input_now", "input_all", self.width(self.graph.positions(nodes.Input)[0])))
        for name, width in self.state_widths.items():
            lines.append(_slice(f"{name}_now", f"{name}_all", width))
            lines.append(_slice(f"{name}_next", f"{name}_all", width, skip=f" + batch * {width}"))
        kept = (*self.graph.positions(nodes.Noise), *self.schedule.saved_for_backward)
        return lines + [_slice(self.now(p), self.whole(p), self.width(p)) for p in kept]

    def gradient_slices(self) -> list[str]:
        """The rows of the gradients with respect to states and inputs at this step; h's begin at zero if not kept."""
        lines = []
        for when, step in {"now": "step", "next": "(step + 1)"}.items():
            lines.append(f"{when}_row = ({step} & kept) * batch + batch_start")
            for name, width in self.state_widths.items():
                part = f"{when}_row * {width} : ({when}_row + rows) * {width}"
                lines.append(f"{name}_{when}_gradient = {name}_gradients[{part}]")
        lines += ["if kept == 1:", f"    {self.state_names[0]}_now_gradient[:] = real(0)"]
        inputs = self.width(self.graph.positions(nodes.Input)[0])
        return [*lines, _slice("input_now_gradient", "input_gradients", inputs)]

    def parameter_slices(self) -> list[str]:
        """The rows of the elementwise parameters, the same at every step."""
        return [
            f"{self.now(p)} = {self.whole(p)}[batch_start * {self.width(p)} : batch_stop * {self.width(p)}]"
            for p in self.schedule.parameters
        ]


def _slice(name: str, whole: str, width: str, skip: str = "") -> str:
    return f"{name} = {whole}[at_{width}{skip} : at_{width}{skip} + rows * {width}]"


def indented(lines: list[str], levels: int) -> list[str]:
    """The lines, this many levels deeper."""
    return ["    " * levels + line if line else line for line in lines]


_SIZES = (
    "k kept count at row rows step steps batch batch_start batch_stop start stop chunk wants_input hidden inputs input"
)
_KERNELS = "matmul matmul_accumulate outer_product_accumulate pack pack_transpose sum_accumulate"
_KERNELS += " columns_accumulate row_sum_accumulate spread_accumulate"
_FUNCTIONS = "exponential exponential_minus_one logarithm square_root flushed cached_jit forward backward functions"
_BUILT_IN = "range max abs real np math"
_TAKEN = frozenset(f"{_SIZES} {_KERNELS} {_FUNCTIONS} {_BUILT_IN}".split())
_DERIVED = re.compile(r"(at|zeros|width|size).*|.*_(now|next|all|weight|packed|bias|chunk|row|gradients?)")


def names_of_nodes(schedule: Schedule, states: tuple[str, ...]) -> tuple[str, ...]:
    """A unique name for every node; an empty one for a value that is inlined where it is read.

    That is a node of the backward pass that is read in one place and is no gradient of a node of the step.
    """
    graph = schedule.graph
    names: list[str] = []
    for position, node in enumerate(graph.nodes):
        if isinstance(node, nodes.State):
            names.append(states[node.index])
            continue
        name = re.sub(r"\W", "_", _wanted(graph, node), flags=re.ASCII)
        free = name == "input" or (_is_free(name) and name not in names and name not in states)
        names.append(name if free else f"{name}_{position}")
    return tuple(_gradients_named(schedule, names))


def _wanted(graph: Graph, node: nodes.Node) -> str:
    if isinstance(node, nodes.Linear):
        return node.weight.removesuffix(".weight")
    if isinstance(node, nodes.Parameter):
        return node.path
    if isinstance(node, nodes.Preactivation):
        return "_".join(["sum", *(_wanted(graph, graph.nodes[product]) for product in node.operands)])
    if isinstance(node, nodes.Elementwise):
        return node.label or node.operation
    return type(node).__name__.lower()


def _gradients_named(schedule: Schedule, names: list[str]) -> list[str]:
    """The names, gradients being named after their node, and those of inlined values empty."""
    known, named = schedule.graph.nodes, list(names)
    places = [0] * len(known)
    for node in known:
        operation = OPERATIONS[node.operation] if isinstance(node, nodes.Elementwise) else None
        for index, operand in enumerate(node.operands):
            places[operand] += 1 if operation is None else operation.occurrences(index)
    gradients = {gradient: position for position, gradient in reversed(schedule.graph.adjoints.items())}
    for position in range(len(known)):
        if position in schedule.phases:
            continue
        if position in gradients:
            named[position] = f"{names[gradients[position]]}_gradient"
        elif places[position] <= 1:
            named[position] = ""
    return named


def _is_free(name: str) -> bool:
    is_numbered = re.sub(r"_\d+$", "", name) in OPERATIONS
    means_something = name in _TAKEN or name in OPERATIONS or is_numbered or _DERIVED.fullmatch(name)
    return name.isidentifier() and not keyword.iskeyword(name) and not means_something
