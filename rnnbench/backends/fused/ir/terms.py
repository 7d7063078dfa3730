"""Writing nodes as arithmetic: the language of the rules of differentiation."""

from dataclasses import dataclass

from rnnbench.backends.fused.ir.graph import Graph

Number = int | float


@dataclass(frozen=True, eq=False)
class Term:
    """A node, whose operators add the node of their result to the graph."""

    graph: Graph
    position: int

    def __add__(self, other: "Term | Number") -> "Term":
        return apply("add", self, other)

    def __radd__(self, other: Number) -> "Term":
        return apply("add", other, self)

    def __sub__(self, other: "Term | Number") -> "Term":
        return apply("sub", self, other)

    def __rsub__(self, other: Number) -> "Term":
        return apply("sub", other, self)

    def __mul__(self, other: "Term | Number") -> "Term":
        return apply("mul", self, other)

    def __rmul__(self, other: Number) -> "Term":
        return apply("mul", other, self)

    def __truediv__(self, other: "Term | Number") -> "Term":
        return apply("div", self, other)

    def __rtruediv__(self, other: Number) -> "Term":
        return apply("div", other, self)

    def __neg__(self) -> "Term":
        return apply("neg", self)

    def __gt__(self, other: "Term | Number") -> "Term":
        return apply("gt", self, other)

    def __ge__(self, other: "Term | Number") -> "Term":
        return apply("ge", self, other)

    def __lt__(self, other: "Term | Number") -> "Term":
        return apply("lt", self, other)

    def __le__(self, other: "Term | Number") -> "Term":
        return apply("le", self, other)


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
