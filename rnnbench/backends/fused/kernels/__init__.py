"""Kernels: the functions that the generated loops call, compiled with them or once for all cells.

In: flat contiguous arrays of float32 or float64, and their sizes. Out: nothing but what is written to the arrays. By
`jit`, Numba's decorators with the project's settings, are compiled `vector_math`, the elementwise functions that LLVM
vectorises, and `matmul`, the products, which packs a weight once per run and calls `blocked_matmul`, the loop over
blocks of the result, which calls `microkernel`, one block in registers. `operands` is what a product reads and writes.
`rows` has what moves features without a weight: parts, concatenations, and sums over features.
"""
