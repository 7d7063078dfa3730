"""Matrix products over flat buffers, for the generated loops.

A matrix that multiplies from the right is packed: strips of as many columns as a vector holds, each strip (depth,
lanes) and contiguous, the last one padded with zeros. Walking down a strip then touches every cache line once.
"""

import numpy as np

from rnnbench.backends.fused.kernels.blocked_matmul import multiply
from rnnbench.backends.fused.kernels.jit import Array, jit
from rnnbench.backends.fused.kernels.microkernel import VECTOR_BYTES, address


@jit
def packed(matrix: Array, depth: int, columns: int) -> Array:
    """A (depth, columns) matrix in strips."""
    width = VECTOR_BYTES // matrix.itemsize
    strips = (columns + width - 1) // width
    out = np.zeros(strips * depth * width, matrix.dtype)
    for strip in range(strips):
        count = min(width, columns - strip * width)
        for k in range(depth):
            line = out[(strip * depth + k) * width : (strip * depth + k + 1) * width]
            row = matrix[k * columns + strip * width : k * columns + strip * width + count]
            for j in range(count):
                line[j] = row[j]
    return out


@jit
def packed_transpose(matrix: Array, depth: int, columns: int) -> Array:
    """The transpose, (depth, columns), of a (columns, depth) matrix in strips."""
    width = VECTOR_BYTES // matrix.itemsize
    strips = (columns + width - 1) // width
    out = np.zeros(strips * depth * width, matrix.dtype)
    for column in range(columns):
        line = out[column // width * depth * width + column % width :]
        row = matrix[column * depth : (column + 1) * depth]
        for k in range(depth):
            line[k * width] = row[k]
    return out


@jit
def product(a: Array, strips: Array, start: Array, out: Array, rows: int, depth: int, columns: int) -> None:
    """out = start + a m, where `start` is one row for all, such as the bias."""
    width = VECTOR_BYTES // out.itemsize
    strip = depth * width
    m = address(strips)
    multiply(out, rows, depth, columns, address(a), depth, 1, m, width, strip, address(start), 0, address(out))


@jit
def product_onto(a: Array, strips: Array, out: Array, rows: int, depth: int, columns: int) -> None:
    """out += a m."""
    width = VECTOR_BYTES // out.itemsize
    strip = depth * width
    m, to = address(strips), address(out)
    multiply(out, rows, depth, columns, address(a), depth, 1, m, width, strip, to, columns, to)


@jit
def _outer(left: Array, right: Array, out: Array, rows: int, features: int, columns: int) -> None:
    width = VECTOR_BYTES // out.itemsize
    to = address(out)
    multiply(out, features, rows, columns, address(left), 1, features, address(right), columns, width, to, columns, to)


@jit
def outer_product_onto(
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
def sum_onto(gradient: Array, out: Array, rows: int, features: int) -> None:
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
