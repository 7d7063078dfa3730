"""The types of nodes. Each is one value of a step, (batch, width), or a piece of a matrix product.

`Input`, `State`, `Noise`, `Parameter` and `Constant` are given; `Linear`, `Columns`, `RowSum`, `Spread`,
`Concatenation`, `Preactivation` and `Elementwise` are computed from their operands. The last four, `NextStateGradient`,
`EarlierGradient`, `StoredGradient` and `LinearGradient`, appear when a graph is differentiated: they are what lies in
the buffer of a gradient.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

Operands = tuple[int, ...]
"""Positions of nodes in the graph."""

COMPARISONS = frozenset({"gt", "ge", "lt", "le", "eq", "ne"})
"""The operations whose values are true or false."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One value; a width of None means a scalar that takes the width of what it meets."""

    operands: Operands = ()
    width: int | None = None

    def moved(self, positions: Mapping[int, int]) -> Self:
        """The same node in a graph in which the nodes have other positions."""
        return replace(self, operands=tuple(positions[operand] for operand in self.operands))


@dataclass(frozen=True, kw_only=True)
class Input(Node):
    """x, the input of the step."""


@dataclass(frozen=True, kw_only=True)
class State(Node):
    """One tensor of the state before the step; 0 is h."""

    index: int


@dataclass(frozen=True, kw_only=True)
class Noise(Node):
    """Random numbers, drawn by torch before the loop as the plain loop would draw them: for every step anew."""

    draw: str
    """What is drawn, one of `runtime.run.DRAWS`."""
    setting: float
    """The probability of a dropout; 0 where there is none."""
    index: int
    """How many are drawn before it in a step."""


@dataclass(frozen=True, kw_only=True)
class Parameter(Node):
    """A tensor of the cell with one value per feature, or a single one."""

    path: str
    """Where it hangs in the cell."""
    first: int = 0
    """The feature that the first one is in the tensor: it may be a part of it."""


@dataclass(frozen=True, kw_only=True)
class Constant(Node):
    """A number."""

    number: float


@dataclass(frozen=True, kw_only=True)
class Product(Node):
    """The features of its one operand times a matrix, as a term of a Preactivation."""


@dataclass(frozen=True, kw_only=True)
class Linear(Product):
    """W v + b, as of an nn.Linear, whose one operand is v."""

    weight: str
    """Where W hangs in the cell."""
    bias: str = ""
    """Where b does, if there is one."""
    transposed: bool = False
    """Whether W is (columns, rows), as in v @ W."""
    first_row: int = 0
    """The row of W, and of b, that makes the first feature: these may be a part of what the user computes."""
    first_column: int = 0
    """The column of W that multiplies the first feature of v: v may be a part of what the user multiplies."""


@dataclass(frozen=True, kw_only=True)
class Columns(Product):
    """Some neighbouring features of v at some place among zeros: a part of v, or v as a part of more."""

    first: int = 0
    """Where in v the first of them is."""
    at: int = 0
    """Where in the result it goes."""
    count: int


@dataclass(frozen=True, kw_only=True)
class RowSum(Product):
    """The sum over the features of v, (batch, 1), divided by `divisor`."""

    divisor: int = 1


@dataclass(frozen=True, kw_only=True)
class Spread(Product):
    """v, which is (batch, 1), at every feature."""


@dataclass(frozen=True, kw_only=True)
class Concatenation(Node):
    """Its operands side by side."""


@dataclass(frozen=True, kw_only=True)
class Preactivation(Node):
    """A sum of products, such as what a gate's nonlinearity is applied to; they gather in one buffer."""


@dataclass(frozen=True, kw_only=True)
class Elementwise(Node):
    """An operation of `operations.OPERATIONS`, for every example and feature by itself."""

    operation: str
    label: str = field(default="", compare=False)
    """The name of the value in `step`, if any."""


@dataclass(frozen=True, kw_only=True)
class Gradient(Node):
    """What the buffer holds that belongs to the gradient with respect to the node `of`, at some moment."""

    of: int

    def moved(self, positions: Mapping[int, int]) -> Self:
        return replace(super().moved(positions), of=positions[self.of])


@dataclass(frozen=True, kw_only=True)
class NextStateGradient(Gradient):
    """What the loss and the later steps have accumulated for the output `of`, a tensor of the next state."""


@dataclass(frozen=True, kw_only=True)
class EarlierGradient(Gradient):
    """What the buffer of h or of a parameter holds before the step: from the loss, or from the later steps."""


@dataclass(frozen=True, kw_only=True)
class StoredGradient(Gradient):
    """Its operand, tiny values flushed to zero, as the loop of a phase leaves it in the buffer."""

    phase: int


@dataclass(frozen=True, kw_only=True)
class LinearGradient(Gradient):
    """The gradient of a Preactivation, times the matrix of one of its products; added to a second operand if any."""

    product: int

    def moved(self, positions: Mapping[int, int]) -> Self:
        return replace(super().moved(positions), product=positions[self.product])


Leaf = (Input, State, Noise, Parameter, Constant)
"""The types of nodes that nothing is computed for."""
