"""Matrix products over flat buffers, for the generated loops.

A matrix that multiplies from the right is packed into panels of as many columns as a vector has lanes, each panel
(depth, lanes) and contiguous, the last one padded with zeros. Walking down a panel touches every cache line once.
"""

import numpy as np

from rnnbench.backends.fused.kernels.blocked_matmul import multiply
from rnnbench.backends.fused.kernels.jit import Array, jit
from rnnbench.backends.fused.kernels.microkernel import VECTOR_BYTES, address


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
    """out = addend + a @ m, where `addend` is one row for all, such as the bias."""
    lanes = VECTOR_BYTES // out.itemsize
    panel_stride = depth * lanes
    m = address(panels)
    multiply(out, rows, depth, columns, address(a), depth, 1, m, lanes, panel_stride, address(addend), 0, address(out))


@jit
def matmul_accumulate(a: Array, panels: Array, out: Array, rows: int, depth: int, columns: int) -> None:
    """out += a @ m."""
    lanes = VECTOR_BYTES // out.itemsize
    panel_stride = depth * lanes
    m, to = address(panels), address(out)
    multiply(out, rows, depth, columns, address(a), depth, 1, m, lanes, panel_stride, to, columns, to)


@jit
def _outer(left: Array, right: Array, out: Array, rows: int, features: int, columns: int) -> None:
    lanes = VECTOR_BYTES // out.itemsize
    to = address(out)
    multiply(out, features, rows, columns, address(left), 1, features, address(right), columns, lanes, to, columns, to)


@jit
def outer_product_accumulate(
    gradient: Array, source: Array, out: Array, steps: int, batch: int, rows: int, features: int, columns: int
) -> None:
    """out += gradient^T source, over some rows of every step; `source` begins at the first of them.

    Where `source` is narrower than a tile, the transpose is computed, of which the tiles are full.
    """
    narrow = columns < min(features, 2 * VECTOR_BYTES // out.itemsize)
    turned = np.zeros(columns * features if narrow else 0, out.dtype)
    parts, height = (1, steps * rows) if rows == batch else (steps, rows)
    for part in range(parts):
        left, right = gradient[part * rows * features :], source[part * batch * columns :]
        if narrow:
            _outer(right, left, turned, height, columns, features)
        else:
            _outer(left, right, out, height, features, columns)
    if narrow:
        for column in range(columns):
            for k in range(features):
                out[k * columns + column] += turned[column * features + k]


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
