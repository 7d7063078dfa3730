"""The elementwise operations: how each is written in the generated source, and the rules of its derivative.

To add one, add an entry to `OPERATIONS`, nothing else: a `step` may then use the function of torch and the method of a
tensor of the same name, and tests/backends/fused/test_operations.py compares it with torch, torch.autograd and finite
differences. The source may call what is imported at the head of `codegen/generate.py`: `np` and `math`, whose calls of
the C library LLVM does not vectorise, and the functions of `kernels/vector_math.py`. An operation that
torch calls in another way, or that torch.nn.functional has, needs a line in `frontend/lowerings.py` as well.

A rule takes the gradient g with respect to the value y, then y, then the operands, and gives what is added to the
gradient of its operand; None where there is nothing to add. It is written in `Term`s, whose operators make nodes: for
tanh, `g * (1 - y * y)`. The rules follow torch's conventions where a function has a kink, and at NaN.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from rnnbench.backends.fused.ir.graph import Term, apply, equal, where


class Precedence(IntEnum):
    """Of the operators of Python, the loosest first."""

    NOTHING = 0
    CONDITIONAL = 1
    COMPARISON = 2
    SUM = 3
    PRODUCT = 4
    SIGN = 5
    ATOM = 6


Rule = Callable[..., Term]
"""(g, y, *operands) -> what is added to the gradient of one of the operands."""


@dataclass(frozen=True)
class Operation:
    """An elementwise function of operands {0}, {1}, ..., with a rule for each but the settings."""

    template: str
    """Its expression; `real` is the type computed in."""
    gradients: tuple[Rule | None, ...]
    settings: int = 0
    """How many further operands are numbers that the user gives, not tensors."""
    costly: bool = False
    """Whether the value is saved for the backward pass where that needs it, rather than recomputed."""
    precedence: Precedence = Precedence.ATOM
    """Of its outermost operator; an atom has brackets around its operands, NOTHING is the operand itself."""

    @property
    def arity(self) -> int:
        """How many operands it takes."""
        return len(self.gradients) + self.settings

    def occurrences(self, operand: int) -> int:
        """How often an operand occurs in the expression."""
        return self.template.count(f"{{{operand}}}")

    def filled(self, operands: list[tuple[str, Precedence]]) -> str:
        """The expression of some operands, given as text and precedence, in brackets where they need them."""
        texts = []
        for index, (text, precedence) in enumerate(operands):
            is_first_of_chain = index == 0 and self.precedence in (Precedence.SUM, Precedence.PRODUCT)
            is_inside = self.precedence is Precedence.ATOM or precedence > self.precedence
            is_inside |= is_first_of_chain and precedence == self.precedence
            texts.append(text if is_inside else f"({text})")
        return self.template.format(*texts)


def _call(function: str, *gradients: Rule | None, settings: int = 0, costly: bool = True) -> Operation:
    """A function that the generated source imports."""
    names = ", ".join(f"{{{index}}}" for index in range(len(gradients) + settings))
    return Operation(f"{function}({names})", gradients, settings, costly)


def _infix(sign: str, precedence: Precedence, *gradients: Rule | None) -> Operation:
    return Operation(f"{{0}} {sign} {{1}}", gradients, precedence=precedence)


def _conditional(template: str, *gradients: Rule | None, settings: int = 0) -> Operation:
    """One value or another."""
    return Operation(template, gradients, settings, precedence=Precedence.CONDITIONAL)


_COMPARISONS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!="}

OPERATIONS: dict[str, Operation] = {
    "copy": Operation("{0}", (lambda g, y, x: g,), precedence=Precedence.NOTHING),
    "add": _infix("+", Precedence.SUM, lambda g, y, a, b: g, lambda g, y, a, b: g),
    "sub": _infix("-", Precedence.SUM, lambda g, y, a, b: g, lambda g, y, a, b: -g),
    "mul": _infix("*", Precedence.PRODUCT, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    "div": _infix("/", Precedence.PRODUCT, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b),
    "neg": Operation("-{0}", (lambda g, y, x: -g,), precedence=Precedence.SIGN),
    "sigmoid": _call("sigmoid", lambda g, y, x: g * y * (1 - y)),
    "tanh": _call("tanh", lambda g, y, x: g * (1 - y * y)),
    "relu": _conditional("real(0) if {0} <= real(0) else {0}", lambda g, y, x: where(y <= 0, 0, g)),
    "exp": _call("exponential", lambda g, y, x: g * y),
    "log": _call("logarithm", lambda g, y, x: g / x),
    "sqrt": _call("square_root", lambda g, y, x: g / (2 * y)),
    "expm1": _call("exponential_minus_one", lambda g, y, x: g * (y + 1)),
    "log1p": _call("math.log1p", lambda g, y, x: g / (x + 1)),
    "cos": _call("np.cos", lambda g, y, x: -g * apply("sin", x)),
    "sin": _call("np.sin", lambda g, y, x: g * apply("cos", x)),
    "erf": _call("math.erf", lambda g, y, x: g * (2 / math.sqrt(math.pi)) * apply("exp", -(x * x))),
    "abs": _call("abs", lambda g, y, x: where(x > 0, g, where(x < 0, -g, 0 * g)), costly=False),
    "clamp_min": _conditional("{1} if {0} < {1} else {0}", lambda g, y, x, low: where(x >= low, g, 0), settings=1),
    "clamp_max": _conditional("{1} if {0} > {1} else {0}", lambda g, y, x, high: where(x <= high, g, 0), settings=1),
    "round": _call("np.rint", None, costly=False),
    "sign": _conditional("real(1) if {0} > real(0) else (real(-1) if {0} < real(0) else real(0))", None),
    "detach": Operation("{0}", (None,), precedence=Precedence.NOTHING),
    "pow": Operation(
        "(({0}) ** ({1}))",
        (lambda g, y, x, exponent: g * (exponent * apply("pow", x, exponent - 1)),),
        settings=1,
        costly=True,
    ),
    "maximum": _conditional(
        "{0} if ({0} > {1}) | ({0} != {0}) else {1}",
        lambda g, y, a, b: where(equal(a, b), 0.5 * g, where(a < b, 0, g)),
        lambda g, y, a, b: where(equal(a, b), 0.5 * g, where(b < a, 0, g)),
    ),
    "minimum": _conditional(
        "{0} if ({0} < {1}) | ({0} != {0}) else {1}",
        lambda g, y, a, b: where(equal(a, b), 0.5 * g, where(a > b, 0, g)),
        lambda g, y, a, b: where(equal(a, b), 0.5 * g, where(b > a, 0, g)),
    ),
    "where": _conditional(
        "{1} if {0} else {2}",
        None,
        lambda g, y, condition, a, b: where(condition, g, 0),
        lambda g, y, condition, a, b: where(condition, 0, g),
    ),
    "softplus": _call(
        "softplus",
        lambda g, y, x, beta, threshold: where(x * beta > threshold, g, g * apply("sigmoid", x * beta)),
        settings=2,
    ),
    **{name: _infix(sign, Precedence.COMPARISON, None, None) for name, sign in _COMPARISONS.items()},
}
