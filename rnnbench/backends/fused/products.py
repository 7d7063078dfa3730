"""Matrix products over flat buffers, for the generated loops.

A matrix that multiplies from the right is packed: strips of as many columns as a vector holds, each strip (depth,
lanes) and contiguous, the last one padded with zeros. Walking down a strip then touches every cache line once.
"""

import numpy as np

from rnnbench.backends.fused.jit import Array, jit
from rnnbench.backends.fused.multiply import multiply
from rnnbench.backends.fused.tiles import VECTOR_BYTES, address


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
def _outer(gradient: Array, source: Array, out: Array, rows: int, features: int, columns: int) -> None:
    width = VECTOR_BYTES // out.itemsize
    to = address(out)
    multiply(
        out, features, rows, columns, address(gradient), 1, features, address(source), columns, width,
        to, columns, to,
    )  # fmt: skip


@jit
def outer_product_onto(
    gradient: Array, source: Array, out: Array, steps: int, batch: int, rows: int, features: int, columns: int
) -> None:
    """out += gradient^T source, over some rows of every step; `source` begins at the first of them."""
    if rows == batch:
        _outer(gradient, source, out, steps * rows, features, columns)
    else:
        for step in range(steps):
            _outer(gradient[step * rows * features :], source[step * batch * columns :], out, rows, features, columns)


@jit
def sum_onto(gradient: Array, out: Array, rows: int, features: int) -> None:
    """out += the sum of the gradient's rows."""
    for row in range(rows):
        line = gradient[row * features : (row + 1) * features]
        for k in range(features):
            out[k] += line[k]
