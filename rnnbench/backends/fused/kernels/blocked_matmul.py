"""The matrix product of the loops, compiled once for all cells.

It is reached by its name in LLVM's table of symbols, so that the code of a cell holds a call to it and no copy of it.
"""

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils

from rnnbench.backends.fused.kernels.jit import Real, intrinsic, jit
from rnnbench.backends.fused.kernels.microkernel import ROWS, VECTOR_BYTES, tile

ARGUMENTS = "rows, depth, columns, a, a_row, a_step, m, m_step, m_strip, start, start_row, out"

SOURCE = f'''"""The matrix product for one type; see rnnbench.backends.fused.kernels.blocked_matmul."""

import numpy as np

from rnnbench.backends.fused.kernels.jit import cached_callback
from rnnbench.backends.fused.kernels.blocked_matmul import blocked_matmul


@cached_callback("void({", ".join(["int64"] * 12)})")
def multiply({ARGUMENTS}):
    blocked_matmul(np.{{real}}(0), {{size}}, {ARGUMENTS})
'''


@jit
def blocked_matmul(
    one: Real, size: int, rows: int, depth: int, columns: int, a: int, a_row: int, a_step: int,
    m: int, m_step: int, m_strip: int, start: int, start_row: int, out: int,
) -> None:  # fmt: skip
    """out[r, j] = start[r, j] + sum_k a[r, k] m[k, j]; out has `columns` numbers a row.

    a, m, start and out are addresses, the rest strides in numbers; m lies in strips as wide as a vector. `one` is any
    number of the type, `size` its bytes.
    """
    width = VECTOR_BYTES // size
    blocks = (rows + ROWS - 1) // ROWS
    column = 0
    while column < columns:
        left = columns - column
        count = 2 * width if left >= 2 * width else min(left, width)
        row = 0
        for block in range(blocks):
            height = (rows - row) // (blocks - block)
            tile(
                one, height, depth, count,
                a + row * a_row * size, a_row, a_step,
                m + column // width * m_strip * size, m_step, m_strip,
                start + (row * start_row + column) * size, start_row,
                out + (row * columns + column) * size, columns,
            )  # fmt: skip
            row += height
        column += count


def symbol(real: str) -> str:
    """The name under which the product for "float32" or "float64" is found."""
    return f"rnnbench_multiply_{real}"


def source(real: str) -> str:
    """The product for "float32" or "float64" as a module of its own."""
    return SOURCE.format(real=real, size=4 if real == "float32" else 8)


def publish(real: str, address: int) -> None:
    """Make the compiled product known to the code that calls it."""
    llvm.add_symbol(symbol(real), address)


@intrinsic
def multiply(
    typing_context: Any, one: Any, rows: Any, depth: Any, columns: Any, a: Any, a_row: Any, a_step: Any,
    m: Any, m_step: Any, m_strip: Any, start: Any, start_row: Any, out: Any,
) -> Any:  # fmt: skip
    """Call the published product; the arguments are those of `blocked_matmul`, `one` an array of the type."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * 12)
        name = symbol(str(signature.args[0].dtype))
        declare: Any = cgutils.get_or_insert_function
        builder.call(declare(builder.module, kind, name), arguments[1:])
        return context.get_dummy_value()

    return types.void(one, *[types.int64] * 12), generate
