"""How an operation is written in the generated source, and what binds more tightly than what."""

from dataclasses import dataclass
from enum import IntEnum


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
