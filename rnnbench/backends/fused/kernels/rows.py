"""What moves the features of every example without a weight: to other columns, to their sum, or from one to all."""

from rnnbench.backends.fused.kernels.jit import Array, jit


@jit
def columns_accumulate(
    a: Array, out: Array, rows: int, width: int, first: int, out_width: int, at: int, count: int
) -> None:
    """out[:, at : at + count] += a[:, first : first + count], for a (rows, width) and out (rows, out_width)."""
    for row in range(rows):
        read = a[row * width + first : row * width + first + count]
        written = out[row * out_width + at : row * out_width + at + count]
        for k in range(count):
            written[k] += read[k]


@jit
def row_sum_accumulate(a: Array, out: Array, rows: int, width: int, divisor: int) -> None:
    """out += the sums of the rows of a (rows, width), divided by a number."""
    zero, scale = a.dtype.type(0), a.dtype.type(divisor)
    eights = width - width % 8  # eight sums at a time, since each addition waits for the one before
    for row in range(rows):
        read = a[row * width : (row + 1) * width]
        s0, s1, s2, s3, s4, s5, s6, s7 = zero, zero, zero, zero, zero, zero, zero, zero
        for k in range(0, eights, 8):
            s0, s1, s2, s3 = s0 + read[k], s1 + read[k + 1], s2 + read[k + 2], s3 + read[k + 3]
            s4, s5, s6, s7 = s4 + read[k + 4], s5 + read[k + 5], s6 + read[k + 6], s7 + read[k + 7]
        total = ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7))
        for k in range(eights, width):
            total += read[k]
        out[row] += total / scale


@jit
def spread_accumulate(a: Array, out: Array, rows: int, width: int, divisor: int) -> None:
    """out (rows, width) += the one number in each row of a, divided by a number."""
    scale = a.dtype.type(divisor)
    for row in range(rows):
        value = a[row] / scale
        written = out[row * width : (row + 1) * width]
        for k in range(width):
            written[k] += value
