"""Names for the values of a step in the generated source: the user's own, where they are free."""

import keyword
import re

from rnnbench.backends.fused.ir.graph import Graph
from rnnbench.backends.fused.ir.nodes import Elementwise, Linear, Node, Parameter, Preactivation, State
from rnnbench.backends.fused.ir.operations import OPERATIONS
from rnnbench.backends.fused.ir.schedule import Schedule

_SIZES = "k at row rows step steps batch batch_start batch_stop start stop chunk wants_input hidden inputs input"
_KERNELS = "matmul matmul_accumulate outer_product_accumulate pack pack_transpose sum_accumulate"
_KERNELS += " columns_accumulate row_sum_accumulate spread_accumulate"
_FUNCTIONS = "exponential exponential_minus_one logarithm square_root flushed cached_jit forward backward functions"
_BUILT_IN = "range max abs real np math"
_TAKEN = frozenset(f"{_SIZES} {_KERNELS} {_FUNCTIONS} {_BUILT_IN}".split())
_DERIVED = re.compile(r"(at|zeros|width|size).*|.*_(now|next|all|weight|packed|bias|chunk|gradients?)")


def names_of_states(names: tuple[str, ...]) -> tuple[str, ...]:
    """A name for every state tensor: the cell's own where it is one that Python takes and that is free."""
    return tuple(name if _is_free(name) else f"state{index}" for index, name in enumerate(names))


def names_of_nodes(schedule: Schedule, states: tuple[str, ...]) -> tuple[str, ...]:
    """A unique name for every node; an empty one for a value that is inlined where it is read.

    That is a node of the backward pass that is read in one place and is no gradient of a node of the step.
    """
    graph = schedule.graph
    names: list[str] = []
    for position, node in enumerate(graph.nodes):
        if isinstance(node, State):
            names.append(states[node.index])
            continue
        name = re.sub(r"\W", "_", _wanted(graph, node), flags=re.ASCII)
        free = name == "input" or (_is_free(name) and name not in names and name not in states)
        names.append(name if free else f"{name}_{position}")
    return tuple(_gradients_named(schedule, names))


def _wanted(graph: Graph, node: Node) -> str:
    """The preferred name of a node."""
    if isinstance(node, Linear):
        return node.weight.removesuffix(".weight")
    if isinstance(node, Parameter):
        return node.path
    if isinstance(node, Preactivation):
        return "_".join(["sum", *(_wanted(graph, graph.nodes[product]) for product in node.operands)])
    if isinstance(node, Elementwise):
        return node.label or node.operation
    return type(node).__name__.lower()


def _gradients_named(schedule: Schedule, names: list[str]) -> list[str]:
    """The names, gradients being named after their node, and those of inlined values empty."""
    nodes, named = schedule.graph.nodes, list(names)
    places = [0] * len(nodes)
    for node in nodes:
        form = OPERATIONS[node.operation].form if isinstance(node, Elementwise) else None
        for index, operand in enumerate(node.operands):
            places[operand] += 1 if form is None else form.occurrences(index)
    gradients = {gradient: position for position, gradient in reversed(schedule.graph.adjoints.items())}
    for position in range(len(nodes)):
        if position in schedule.phases:
            continue
        if position in gradients:
            named[position] = f"{names[gradients[position]]}_gradient"
        elif places[position] <= 1:
            named[position] = ""
    return named


def _is_free(name: str) -> bool:
    """Whether a name is unused in the generated source."""
    is_numbered = re.sub(r"_\d+$", "", name) in OPERATIONS
    means_something = name in _TAKEN or name in OPERATIONS or is_numbered or _DERIVED.fullmatch(name)
    return name.isidentifier() and not keyword.iskeyword(name) and not means_something
