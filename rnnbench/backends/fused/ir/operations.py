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

    CONDITIONAL = 0
    COMPARISON = 1
    SUM = 2
    PRODUCT = 3
    SIGN = 4
    ATOM = 5


@dataclass(frozen=True)
class Form:
    """An expression in the operands {0}, {1}, ...; `real` is the type computed in."""

    template: str
    precedence: Precedence
    bare: tuple[int, ...]
    """For each operand the lowest precedence at which it needs no brackets."""

    def occurrences(self, operand: int) -> int:
        """How often an operand occurs in the expression."""
        return self.template.count(f"{{{operand}}}")

    def filled(self, operands: list[tuple[str, Precedence]]) -> str:
        """The expression of some operands, given as text and precedence."""
        texts = (
            f"({text})" if precedence < bare else text
            for (text, precedence), bare in zip(operands, self.bare, strict=True)
        )
        return self.template.format(*texts)


def infix(sign: str, precedence: Precedence) -> Form:
    """An operator between two operands, evaluated from the left."""
    is_chained = precedence is not Precedence.COMPARISON  # a < b < c means something else
    return Form(f"{{0}} {sign} {{1}}", precedence, (precedence + (not is_chained), precedence + 1))


def prefix(sign: str) -> Form:
    """A sign before an operand."""
    return Form(f"{sign}{{0}}", Precedence.SIGN, (Precedence.ATOM,))


def call(function: str, operands: int = 1) -> Form:
    """A function that the generated source imports."""
    names = ", ".join(f"{{{index}}}" for index in range(operands))
    return Form(f"{function}({names})", Precedence.ATOM, (Precedence.CONDITIONAL,) * operands)


def conditional(template: str, operands: int) -> Form:
    """One value or another, such as `{1} if {0} else {2}`."""
    return Form(template, Precedence.CONDITIONAL, (Precedence.COMPARISON,) * operands)


Rule = Callable[..., Term]
"""(g, y, *operands) -> what is added to the gradient of one of the operands."""


@dataclass(frozen=True)
class Operation:
    """An elementwise function, with a rule for each operand but the settings."""

    form: Form
    gradients: tuple[Rule | None, ...]
    settings: int = 0
    """How many further operands are numbers that the user gives, not tensors."""
    costly: bool = False
    """Whether the value is saved for the backward pass where that needs it, rather than recomputed."""

    @property
    def arity(self) -> int:
        """How many operands it takes."""
        return len(self.gradients) + self.settings


def _comparison(sign: str) -> Operation:
    return Operation(infix(sign, Precedence.COMPARISON), (None, None))


def _floored_quotient(remainder: Term, a: Term, b: Term) -> Term:
    """a / b rounded down; -1 where b is infinite and a has the other sign, since the remainder is b there."""
    whole = where(equal(remainder, b), -1, apply("round", (a - remainder) / b))
    return where(equal(b, 0), a / b, whole)


OPERATIONS: dict[str, Operation] = {
    "copy": Operation(Form("{0}", Precedence.CONDITIONAL, (Precedence.CONDITIONAL,)), (lambda g, y, x: g,)),
    "add": Operation(infix("+", Precedence.SUM), (lambda g, y, a, b: g, lambda g, y, a, b: g)),
    "sub": Operation(infix("-", Precedence.SUM), (lambda g, y, a, b: g, lambda g, y, a, b: -g)),
    "mul": Operation(infix("*", Precedence.PRODUCT), (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)),
    "div": Operation(infix("/", Precedence.PRODUCT), (lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)),
    "neg": Operation(prefix("-"), (lambda g, y, x: -g,)),
    "sigmoid": Operation(call("sigmoid"), (lambda g, y, x: g * y * (1 - y),), costly=True),
    "tanh": Operation(call("tanh"), (lambda g, y, x: g * (1 - y * y),), costly=True),
    "relu": Operation(
        conditional("real(0) if {0} <= real(0) else {0}", 1),
        (lambda g, y, x: where(y <= 0, 0, g),),
    ),
    "exp": Operation(call("exponential"), (lambda g, y, x: g * y,), costly=True),
    "log": Operation(call("logarithm"), (lambda g, y, x: g / x,), costly=True),
    "sqrt": Operation(call("square_root"), (lambda g, y, x: g / (2 * y),), costly=True),
    "expm1": Operation(call("exponential_minus_one"), (lambda g, y, x: g * (y + 1),), costly=True),
    "log1p": Operation(call("math.log1p"), (lambda g, y, x: g / (x + 1),), costly=True),
    "cos": Operation(call("np.cos"), (lambda g, y, x: -g * apply("sin", x),), costly=True),
    "sin": Operation(call("np.sin"), (lambda g, y, x: g * apply("cos", x),), costly=True),
    "erf": Operation(
        call("math.erf"), (lambda g, y, x: g * (2 / math.sqrt(math.pi)) * apply("exp", -(x * x)),), costly=True
    ),
    "abs": Operation(call("abs"), (lambda g, y, x: where(x > 0, g, where(x < 0, -g, 0 * g)),)),
    "clamp_min": Operation(
        conditional("{1} if {0} < {1} else {0}", 2),
        (lambda g, y, x, low: where(x >= low, g, 0),),
        settings=1,
    ),
    "clamp_max": Operation(
        conditional("{1} if {0} > {1} else {0}", 2),
        (lambda g, y, x, high: where(x <= high, g, 0),),
        settings=1,
    ),
    "round": Operation(call("np.rint"), (None,)),
    "sign": Operation(
        conditional("real(1) if {0} > real(0) else (real(-1) if {0} < real(0) else real(0))", 1), (None,)
    ),
    "detach": Operation(Form("{0}", Precedence.CONDITIONAL, (Precedence.CONDITIONAL,)), (None,)),
    "pow": Operation(
        Form("({0} ** {1})", Precedence.ATOM, (Precedence.ATOM, Precedence.ATOM)),
        (lambda g, y, x, exponent: g * (exponent * apply("pow", x, exponent - 1)),),
        settings=1,
        costly=True,
    ),
    "remainder": Operation(
        Form("{0} % {1}", Precedence.PRODUCT, (Precedence.ATOM, Precedence.ATOM)),
        (lambda g, y, a, b: g, lambda g, y, a, b: -g * _floored_quotient(y, a, b)),
    ),
    "maximum": Operation(
        conditional("{0} if ({0} > {1}) | ({0} != {0}) else {1}", 2),
        (
            lambda g, y, a, b: where(equal(a, b), 0.5 * g, where(a < b, 0, g)),
            lambda g, y, a, b: where(equal(a, b), 0.5 * g, where(b < a, 0, g)),
        ),
    ),
    "minimum": Operation(
        conditional("{0} if ({0} < {1}) | ({0} != {0}) else {1}", 2),
        (
            lambda g, y, a, b: where(equal(a, b), 0.5 * g, where(a > b, 0, g)),
            lambda g, y, a, b: where(equal(a, b), 0.5 * g, where(b > a, 0, g)),
        ),
    ),
    "where": Operation(
        conditional("{1} if {0} else {2}", 3),
        (
            None,
            lambda g, y, condition, a, b: where(condition, g, 0),
            lambda g, y, condition, a, b: where(condition, 0, g),
        ),
    ),
    "softplus": Operation(
        call("softplus", 3),
        (lambda g, y, x, beta, threshold: where(x * beta > threshold, g, g * apply("sigmoid", x * beta)),),
        settings=2,
        costly=True,
    ),
    "gt": _comparison(">"),
    "ge": _comparison(">="),
    "lt": _comparison("<"),
    "le": _comparison("<="),
    "eq": _comparison("=="),
    "ne": _comparison("!="),
}
