"""Writing nodes as arithmetic: the language of the rules of differentiation."""

from collections.abc import Callable
from dataclasses import dataclass

from rnnbench.backends.fused.ir.graph import Graph

Number = int | float


def _binary(operation: str) -> Callable[["Term", "Term | Number"], "Term"]:
    return lambda self, other: apply(operation, self, other)


def _reflected(operation: str) -> Callable[["Term", Number], "Term"]:
    return lambda self, other: apply(operation, other, self)


@dataclass(frozen=True, eq=False)
class Term:
    """A node, whose operators add the node of their result to the graph."""

    graph: Graph
    position: int

    __add__, __radd__ = _binary("add"), _reflected("add")
    __sub__, __rsub__ = _binary("sub"), _reflected("sub")
    __mul__, __rmul__ = _binary("mul"), _reflected("mul")
    __truediv__, __rtruediv__ = _binary("div"), _reflected("div")
    __gt__, __ge__ = _binary("gt"), _binary("ge")
    __lt__, __le__ = _binary("lt"), _binary("le")

    def __neg__(self) -> "Term":
        return apply("neg", self)


def apply(operation: str, *operands: Term | Number) -> Term:
    """The value of an operation of `operations.OPERATIONS`; at least one operand is a Term."""
    graph = next(operand.graph for operand in operands if isinstance(operand, Term))
    positions = [operand.position if isinstance(operand, Term) else graph.constant(operand) for operand in operands]
    return Term(graph, graph.apply(operation, *positions))


def equal(a: Term, b: Term | Number) -> Term:
    """a == b. The operator compares Terms, not values."""
    return apply("eq", a, b)


def where(condition: Term, a: Term | Number, b: Term | Number) -> Term:
    """a where the condition holds, b elsewhere."""
    return apply("where", condition, a, b)
