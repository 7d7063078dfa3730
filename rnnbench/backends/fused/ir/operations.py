"""The elementwise operations and their derivatives.

Templates are expressions of the generated source: {0}, {1}, ... are the operands, {y} is the operation's own value and
{g} the gradient with respect to it; `real` is the type computed in. The derivatives follow torch's conventions where a
function has a kink, and at NaN.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Operation:
    """An elementwise function and, per operand, what it adds to the operand's gradient (None: nothing)."""

    value: str
    gradients: tuple[str | None, ...]
    costly: bool = False
    """Whether the backward pass had better read the value than compute it again."""


def _comparison(sign: str) -> Operation:
    return Operation("({0} " + sign + " {1})", (None, None))


OPERATIONS: dict[str, Operation] = {
    "copy": Operation("{0}", ("{g}",)),
    "add": Operation("({0} + {1})", ("{g}", "{g}")),
    "sub": Operation("({0} - {1})", ("{g}", "(-{g})")),
    "mul": Operation("({0} * {1})", ("({g} * {1})", "({g} * {0})")),
    "div": Operation("({0} / {1})", ("({g} / {1})", "(-{g} * {y} / {1})")),
    "neg": Operation("(-{0})", ("(-{g})",)),
    "sigmoid": Operation("sigmoid({0})", ("({g} * {y} * (real(1) - {y}))",), costly=True),
    "tanh": Operation("tanh({0})", ("({g} * (real(1) - {y} * {y}))",), costly=True),
    "relu": Operation("(real(0) if {0} <= real(0) else {0})", ("(real(0) if {y} <= real(0) else {g})",)),
    "exp": Operation("exponential({0})", ("({g} * {y})",), costly=True),
    "log": Operation("logarithm({0})", ("({g} / {0})",), costly=True),
    "sqrt": Operation("square_root({0})", ("({g} / (real(2) * {y}))",), costly=True),
    "square": Operation("({0} * {0})", ("({g} * (real(2) * {0}))",)),
    "reciprocal": Operation("(real(1) / {0})", ("(-{g} * ({y} * {y}))",)),
    "abs": Operation(
        "abs({0})",
        ("({g} if {0} > real(0) else (-{g} if {0} < real(0) else real(0) * {g}))",),
    ),
    "clamp_min": Operation("({1} if {0} < {1} else {0})", ("({g} if {0} >= {1} else real(0))", None)),
    "clamp_max": Operation("({1} if {0} > {1} else {0})", ("({g} if {0} <= {1} else real(0))", None)),
    "clamp": Operation(
        "({1} if {0} < {1} else ({2} if {0} > {2} else {0}))",
        ("({g} if ({0} >= {1}) & ({0} <= {2}) else real(0))", None, None),
    ),
    "maximum": Operation(
        "({0} if ({0} > {1}) | ({0} != {0}) else {1})",
        (
            "(real(0.5) * {g} if {0} == {1} else (real(0) if {0} < {1} else {g}))",
            "(real(0.5) * {g} if {0} == {1} else (real(0) if {1} < {0} else {g}))",
        ),
    ),
    "minimum": Operation(
        "({0} if ({0} < {1}) | ({0} != {0}) else {1})",
        (
            "(real(0.5) * {g} if {0} == {1} else (real(0) if {0} > {1} else {g}))",
            "(real(0.5) * {g} if {0} == {1} else (real(0) if {1} > {0} else {g}))",
        ),
    ),
    "where": Operation(
        "({1} if {0} else {2})",
        (None, "({g} if {0} else real(0))", "(real(0) if {0} else {g})"),
    ),
    "softplus": Operation(
        "softplus({0}, {1}, {2})",
        ("({g} if {0} * {1} > {2} else {g} * sigmoid({0} * {1}))", None, None),
        costly=True,
    ),
    "gt": _comparison(">"),
    "ge": _comparison(">="),
    "lt": _comparison("<"),
    "le": _comparison("<="),
    "eq": _comparison("=="),
    "ne": _comparison("!="),
}

COMPARISONS = frozenset({"gt", "ge", "lt", "le", "eq", "ne"})
