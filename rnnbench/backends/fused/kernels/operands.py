"""What a matrix product reads and writes, as one value.

The classes are the only place that lists it. Their fields are integers where compiled functions pass them on, and LLVM
values of 64-bit integers where an intrinsic writes instructions; a function that is called by its address takes the
integers one by one, in the order of the fields, under names made of them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, get_type_hints

from llvmlite import ir

INDEX = ir.IntType(64)


class Strided(NamedTuple):
    """A matrix in memory: the address of its first number, and how many numbers apart rows and columns lie."""

    address: Any
    row_stride: Any
    column_stride: Any


class Panels(NamedTuple):
    """A matrix in panels of as many columns as a vector has lanes.

    A row of a panel is contiguous, the next one is `row_stride` numbers on, the next panel `panel_stride`.
    """

    address: Any
    row_stride: Any
    panel_stride: Any


class Rows(NamedTuple):
    """A matrix whose rows are contiguous, `row_stride` numbers apart; 0 where one row stands for all."""

    address: Any
    row_stride: Any


class MatmulOperands(NamedTuple):
    """out = addend + a @ b, where a is (rows, depth), b (depth, columns), addend and out (rows, columns)."""

    rows: Any
    depth: Any
    columns: Any
    a: Strided
    b: Panels
    addend: Rows
    out: Rows


def flat_names(kind: Any = MatmulOperands, prefix: str = "") -> list[str]:
    """The names of the numbers, one by one: rows, depth, columns, a_address, a_row_stride and so on."""
    fields = get_type_hints(kind).items()
    return [
        name
        for field, inner in fields
        for name in ([prefix + field] if inner is Any else flat_names(inner, f"{prefix}{field}_"))
    ]


def expression(kind: Any = MatmulOperands, prefix: str = "") -> str:
    """The Python expression that makes the operands from variables of those names."""
    parts = [
        prefix + field if inner is Any else expression(inner, f"{prefix}{field}_")
        for field, inner in get_type_hints(kind).items()
    ]
    return f"{kind.__name__}({', '.join(parts)})"


def flat_values(builder: Any, operands: Any) -> list[Any]:
    """The LLVM values of the numbers one by one, from the LLVM value of a `MatmulOperands`."""
    if isinstance(operands.type, ir.IntType):
        return [operands]
    parts = [builder.extract_value(operands, index) for index in range(len(operands.type))]
    return [value for part in parts for value in flat_values(builder, part)]


def from_flat(values: Iterator[Any], kind: Any = MatmulOperands) -> Any:
    """The operands, from their numbers or LLVM values one by one."""
    return kind(
        *(next(values) if inner is Any else from_flat(values, inner) for inner in get_type_hints(kind).values())
    )
