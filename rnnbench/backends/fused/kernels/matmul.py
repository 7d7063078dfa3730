"""Matrix products over flat buffers, for the generated loops.

A matrix that multiplies from the right is packed into panels of as many columns as a vector has lanes, each panel
(depth, lanes) and contiguous, the last one padded with zeros. Walking down a panel touches every cache line once. The
product, cut into microkernels, is compiled once for all cells and found by its name in LLVM's table of symbols, so that
the code of a cell holds a call to it and no copy of it.
"""

from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from rnnbench.backends.fused.kernels.jit import Array, Real, intrinsic, jit
from rnnbench.backends.fused.kernels.microkernel import (
    INDEX,
    ROWS,
    VECTOR_BYTES,
    VECTORS_OF_ONE_ROW,
    Operands,
    address,
    extracted,
    microkernel,
)

_NAMES = ", ".join(Operands._fields)

SOURCE = f'''"""The matrix product for one type; see rnnbench.backends.fused.kernels.matmul."""

import numpy as np

from rnnbench.backends.fused.kernels.matmul import blocked_matmul
from rnnbench.backends.fused.kernels.jit import cached_callback


@cached_callback("void({", ".join(["int64"] * len(Operands._fields))})")
def matmul({_NAMES}):
    blocked_matmul(np.{{real}}(0), {{item_bytes}}, ({_NAMES}))
'''


@jit
def blocked_matmul(like: Real, item_bytes: int, whole: Operands) -> None:
    """The product, block by block as the microkernel takes them; `like` is any number of the type."""
    lanes = VECTOR_BYTES // item_bytes
    rows, depth, columns, a, a_row, a_column, b, b_row, b_panel, addend, addend_row, out, out_row = whole
    blocks = (rows + ROWS - 1) // ROWS
    column, widest = 0, VECTORS_OF_ONE_ROW * lanes if rows == 1 else 2 * lanes
    while column < columns:
        left = columns - column
        count = widest if left >= widest else 2 * lanes if left >= 2 * lanes else min(left, lanes)
        row = 0
        for block in range(blocks):
            height = (rows - row) // (blocks - block)
            part_of_a, part_of_b = a + row * a_row * item_bytes, b + column // lanes * b_panel * item_bytes
            part_of_addend = addend + (row * addend_row + column) * item_bytes
            part_of_out = out + (row * out_row + column) * item_bytes
            sizes = (height, depth, count, part_of_a, a_row, a_column, part_of_b, b_row, b_panel)
            microkernel(like, (*sizes, part_of_addend, addend_row, part_of_out, out_row))
            row += height
        column += count


def symbol(real: str) -> str:
    """The name under which the product for "float32" or "float64" is found."""
    return f"rnnbench_matmul_{real}"


def source(real: str) -> str:
    """The product for "float32" or "float64" as a module of its own."""
    return SOURCE.format(real=real, item_bytes=4 if real == "float32" else 8)


def publish(real: str, place: int) -> None:
    """Make the compiled product known to the code that calls it."""
    llvm.add_symbol(symbol(real), place)


@intrinsic
def published_matmul(typing_context: Any, like: Any, operands: Any) -> Any:
    """Call the published product of a tuple of operands; `like` is any array of the type."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [INDEX] * len(Operands._fields))
        declare: Any = cgutils.get_or_insert_function
        function = declare(builder.module, kind, symbol(str(signature.args[0].dtype)))
        builder.call(function, extracted(builder, arguments[1]))
        return context.get_dummy_value()

    return types.void(like, operands), generate


@jit
def pack(matrix: Array, depth: int, columns: int) -> Array:
    """A (depth, columns) matrix as packed panels."""
    lanes = VECTOR_BYTES // matrix.itemsize
    panels = (columns + lanes - 1) // lanes
    out = np.zeros(panels * depth * lanes, matrix.dtype)
    for panel in range(panels):
        count = min(lanes, columns - panel * lanes)
        for k in range(depth):
            line = out[(panel * depth + k) * lanes : (panel * depth + k + 1) * lanes]
            row = matrix[k * columns + panel * lanes : k * columns + panel * lanes + count]
            for j in range(count):
                line[j] = row[j]
    return out


@jit
def pack_transpose(matrix: Array, depth: int, columns: int) -> Array:
    """The transpose, (depth, columns), of a (columns, depth) matrix as packed panels."""
    lanes = VECTOR_BYTES // matrix.itemsize
    panels = (columns + lanes - 1) // lanes
    out = np.zeros(panels * depth * lanes, matrix.dtype)
    for column in range(columns):
        line = out[column // lanes * depth * lanes + column % lanes :]
        row = matrix[column * depth : (column + 1) * depth]
        for k in range(depth):
            line[k * lanes] = row[k]
    return out


@jit
def matmul(a: Array, panels: Array, addend: Array, out: Array, rows: int, depth: int, columns: int) -> None:
    """out = addend + a @ b for a packed b (depth, columns); `addend` is one row for all, such as the bias."""
    _product(a, panels, address(addend), 0, out, rows, depth, columns)


@jit
def matmul_accumulate(a: Array, panels: Array, out: Array, rows: int, depth: int, columns: int) -> None:
    """out += a @ b for a packed b (depth, columns)."""
    _product(a, panels, address(out), columns, out, rows, depth, columns)


@jit
def _product(
    a: Array, panels: Array, addend: int, addend_row: int, out: Array, rows: int, depth: int, columns: int
) -> None:
    lanes = VECTOR_BYTES // out.itemsize
    left, right = (address(a), depth, 1), (address(panels), lanes, depth * lanes)
    published_matmul(out, (rows, depth, columns, *left, *right, addend, addend_row, address(out), columns))


@jit
def _outer(left: Array, right: Array, out: Array, rows: int, features: int, columns: int) -> None:
    """out += left^T @ right for left (rows, features) and right (rows, columns); right's panels lie within its rows."""
    lanes = VECTOR_BYTES // out.itemsize
    a, b, to = (address(left), 1, features), (address(right), columns, lanes), (address(out), columns)
    published_matmul(out, (features, rows, columns, *a, *b, *to, *to))


@jit
def outer_product_accumulate(
    gradient: Array, source: Array, out: Array, steps: int, batch: int, rows: int, features: int, columns: int
) -> None:
    """out += gradient^T @ source, over `rows` examples of every step; `source` begins at the first of them.

    Where `source` has few columns, the transpose is computed instead, which fills the vectors.
    """
    narrow = columns < min(features, 2 * VECTOR_BYTES // out.itemsize)
    transposed = np.zeros(columns * features if narrow else 0, out.dtype)
    parts, height = (1, steps * rows) if rows == batch else (steps, rows)
    for part in range(parts):
        left, right = gradient[part * rows * features :], source[part * batch * columns :]
        if narrow:
            _outer(right, left, transposed, height, columns, features)
        else:
            _outer(left, right, out, height, features, columns)
    if narrow:
        for column in range(columns):
            for k in range(features):
                out[k * columns + column] += transposed[column * features + k]


@jit
def sum_accumulate(gradient: Array, out: Array, rows: int, features: int) -> None:
    """out += the sum of the gradient's rows."""
    fours = rows - rows % 4  # four at a time, since each addition to `out` waits for the one before
    for row in range(0, fours, 4):
        four = gradient[row * features : (row + 4) * features]
        for k in range(features):
            out[k] += (four[k] + four[k + features]) + (four[k + 2 * features] + four[k + 3 * features])
    for row in range(fours, rows):
        line = gradient[row * features : (row + 1) * features]
        for k in range(features):
            out[k] += line[k]
