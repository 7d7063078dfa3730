"""Names for the values of a step in the generated source: the user's own, where they are free."""

import keyword
import re

from rnnbench.backends.fused.ir.graph import Graph
from rnnbench.backends.fused.ir.operations import OPERATIONS

_SIZES = "k at row rows step steps batch batch_start batch_stop begin stop chunk wants_input hidden inputs input"
_KERNELS = "matmul matmul_accumulate outer_product_accumulate pack pack_transpose sum_accumulate"
_FUNCTIONS = "exponential logarithm square_root flushed cached_jit forward backward functions"
_BUILT_IN = "range max abs real np"
_TAKEN = frozenset(f"{_SIZES} {_KERNELS} {_FUNCTIONS} {_BUILT_IN}".split())
_DERIVED = re.compile(r"(at|zeros|width).*|.*_(now|next|all|weight|packed|bias|chunk|gradients?)")


def names_of_states(names: tuple[str, ...]) -> tuple[str, ...]:
    """A name for every state tensor: the cell's own where it is one that Python takes and that is free."""
    return tuple(name if _is_free(name) else f"state{index}" for index, name in enumerate(names))


def names_of_nodes(graph: Graph, states: tuple[str, ...]) -> tuple[str, ...]:
    """A name of its own for every node."""
    names: list[str] = []
    for position, node in enumerate(graph.nodes):
        name = node.label or node.operation
        if node.operation in ("linear", "parameter"):
            name = node.path
        elif node.operation == "sum":
            name = "_".join(["sum", *(graph.nodes[linear].path for linear in node.operands)])
        name = re.sub(r"\W", "_", name, flags=re.ASCII)
        free = name == "input" or (_is_free(name) and name not in names and name not in states)
        names.append(name if free else f"{name}_{position}")
    return tuple(names)


def _is_free(name: str) -> bool:
    """Whether a name means nothing yet in the generated source."""
    means_something = name in _TAKEN or name in OPERATIONS or _DERIVED.fullmatch(name)
    return name.isidentifier() and not keyword.iskeyword(name) and not means_something
