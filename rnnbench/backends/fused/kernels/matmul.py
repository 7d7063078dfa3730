"""Matrix products over flat buffers, for the generated loops.

A matrix that multiplies from the right is packed into panels of as many columns as a vector has lanes, each panel
(depth, lanes) and contiguous, the last one padded with zeros. Walking down a panel touches every cache line once.
"""

import numpy as np

from rnnbench.backends.fused.kernels.blocked_matmul import published_matmul
from rnnbench.backends.fused.kernels.jit import Array, jit
from rnnbench.backends.fused.kernels.microkernel import VECTOR_BYTES, address
from rnnbench.backends.fused.kernels.operands import MatmulOperands, Panels, Rows, Strided


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
    _product(a, panels, Rows(address(addend), 0), out, rows, depth, columns)


@jit
def matmul_accumulate(a: Array, panels: Array, out: Array, rows: int, depth: int, columns: int) -> None:
    """out += a @ b for a packed b (depth, columns)."""
    _product(a, panels, Rows(address(out), columns), out, rows, depth, columns)


@jit
def _product(a: Array, panels: Array, addend: Rows, out: Array, rows: int, depth: int, columns: int) -> None:
    lanes = VECTOR_BYTES // out.itemsize
    left, right = Strided(address(a), depth, 1), Panels(address(panels), lanes, depth * lanes)
    published_matmul(out, MatmulOperands(rows, depth, columns, left, right, addend, Rows(address(out), columns)))


@jit
def _outer(left: Array, right: Array, out: Array, rows: int, features: int, columns: int) -> None:
    """out += left^T @ right for left (rows, features) and right (rows, columns); right's panels lie within its rows."""
    lanes = VECTOR_BYTES // out.itemsize
    a, b, to = Strided(address(left), 1, features), Panels(address(right), columns, lanes), Rows(address(out), columns)
    published_matmul(out, MatmulOperands(features, rows, columns, a, b, to, to))


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
