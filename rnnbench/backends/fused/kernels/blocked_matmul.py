"""The matrix product of the loops, cut into microkernels and compiled once for all cells.

It is found by its name in LLVM's table of symbols, so that the code of a cell holds a call to it and no copy of it.
"""

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils

from rnnbench.backends.fused.kernels.jit import Real, intrinsic, jit
from rnnbench.backends.fused.kernels.microkernel import ROWS, VECTOR_BYTES, microkernel
from rnnbench.backends.fused.kernels.operands import (
    INDEX,
    MatmulOperands,
    Panels,
    Rows,
    Strided,
    expression,
    flat_names,
    flat_values,
)

ARGUMENTS = flat_names()

SOURCE = f'''"""The matrix product for one type; see rnnbench.backends.fused.kernels.blocked_matmul."""

import numpy as np

from rnnbench.backends.fused.kernels.blocked_matmul import blocked_matmul
from rnnbench.backends.fused.kernels.jit import cached_callback
from rnnbench.backends.fused.kernels.operands import MatmulOperands, Panels, Rows, Strided


@cached_callback("void({", ".join(["int64"] * len(ARGUMENTS))})")
def matmul({", ".join(ARGUMENTS)}):
    blocked_matmul(np.{{real}}(0), {{item_bytes}}, {expression()})
'''


@jit
def blocked_matmul(like: Real, item_bytes: int, whole: MatmulOperands) -> None:
    """The product, block by block of at most `ROWS` rows and two vectors; `like` is any number of the type."""
    lanes = VECTOR_BYTES // item_bytes
    a, b, addend, out = whole.a, whole.b, whole.addend, whole.out
    blocks = (whole.rows + ROWS - 1) // ROWS
    column = 0
    while column < whole.columns:
        left = whole.columns - column
        count = 2 * lanes if left >= 2 * lanes else min(left, lanes)
        row = 0
        for block in range(blocks):
            height = (whole.rows - row) // (blocks - block)
            part = MatmulOperands(
                height,
                whole.depth,
                count,
                Strided(a.address + row * a.row_stride * item_bytes, a.row_stride, a.column_stride),
                Panels(b.address + column // lanes * b.panel_stride * item_bytes, b.row_stride, b.panel_stride),
                Rows(addend.address + (row * addend.row_stride + column) * item_bytes, addend.row_stride),
                Rows(out.address + (row * out.row_stride + column) * item_bytes, out.row_stride),
            )
            microkernel(like, part)
            row += height
        column += count


def symbol(real: str) -> str:
    """The name under which the product for "float32" or "float64" is found."""
    return f"rnnbench_matmul_{real}"


def source(real: str) -> str:
    """The product for "float32" or "float64" as a module of its own."""
    return SOURCE.format(real=real, item_bytes=4 if real == "float32" else 8)


def publish(real: str, address: int) -> None:
    """Make the compiled product known to the code that calls it."""
    llvm.add_symbol(symbol(real), address)


@intrinsic
def published_matmul(typing_context: Any, like: Any, operands: Any) -> Any:
    """Call the published product; `like` is any array of the type."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [INDEX] * len(ARGUMENTS))
        declare: Any = cgutils.get_or_insert_function
        function = declare(builder.module, kind, symbol(str(signature.args[0].dtype)))
        builder.call(function, flat_values(builder, arguments[1]))
        return context.get_dummy_value()

    return types.void(like, operands), generate
