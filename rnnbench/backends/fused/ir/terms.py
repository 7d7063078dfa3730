"""Writing nodes as arithmetic: the language of the rules of differentiation."""

from dataclasses import dataclass

from rnnbench.backends.fused.ir.graph import Graph

Number = int | float


@dataclass(frozen=True, eq=False)
class Term:
    """A node, whose operators add the node of their result to the graph."""

    graph: Graph
    position: int

    def apply(self, operation: str, *operands: "Term | Number") -> "Term":
        """The value of an operation of `operations.OPERATIONS`."""
        positions = [
            operand.position if isinstance(operand, Term) else self.graph.constant(operand) for operand in operands
        ]
        return Term(self.graph, self.graph.apply(operation, *positions))

    def __add__(self, other: "Term | Number") -> "Term":
        return self.apply("add", self, other)

    def __radd__(self, other: Number) -> "Term":
        return self.apply("add", other, self)

    def __sub__(self, other: "Term | Number") -> "Term":
        return self.apply("sub", self, other)

    def __rsub__(self, other: Number) -> "Term":
        return self.apply("sub", other, self)

    def __mul__(self, other: "Term | Number") -> "Term":
        return self.apply("mul", self, other)

    def __rmul__(self, other: Number) -> "Term":
        return self.apply("mul", other, self)

    def __truediv__(self, other: "Term | Number") -> "Term":
        return self.apply("div", self, other)

    def __rtruediv__(self, other: Number) -> "Term":
        return self.apply("div", other, self)

    def __neg__(self) -> "Term":
        return self.apply("neg", self)

    def __gt__(self, other: "Term | Number") -> "Term":
        return self.apply("gt", self, other)

    def __ge__(self, other: "Term | Number") -> "Term":
        return self.apply("ge", self, other)

    def __lt__(self, other: "Term | Number") -> "Term":
        return self.apply("lt", self, other)

    def __le__(self, other: "Term | Number") -> "Term":
        return self.apply("le", self, other)


def equal(a: Term, b: Term | Number) -> Term:
    """a == b. The operator compares Terms, not values."""
    return a.apply("eq", a, b)


def where(condition: Term, a: Term | Number, b: Term | Number) -> Term:
    """a where the condition holds, b elsewhere."""
    return condition.apply("where", condition, a, b)


def sigmoid(x: Term) -> Term:
    """1 / (1 + exp(-x))."""
    return x.apply("sigmoid", x)


def exp(x: Term) -> Term:
    """e to the power of x."""
    return x.apply("exp", x)
