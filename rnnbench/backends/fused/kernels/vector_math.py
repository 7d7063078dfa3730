"""Elementwise functions that LLVM can turn into vector instructions, which a call of the C library would prevent.

All rest on exp(r) - 1 as a Taylor polynomial for |r| <= log(2) / 2, and are exact to a few units in the last place. NaN
passes through; exp below the smallest normal number is zero.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from rnnbench.backends.fused.kernels.jit import Real, intrinsic, jit


@dataclass(frozen=True)
class Functions:
    """The functions for one floating-point type."""

    exponential: Callable[..., Any]
    exponential_minus_one: Callable[..., Any]
    sigmoid: Callable[..., Any]
    tanh: Callable[..., Any]
    logarithm: Callable[..., Any]
    square_root: Callable[..., Any]
    softplus: Callable[..., Any]
    flushed: Callable[..., Any]


def _reinterpreted(numba_from: Any, numba_to: Any, kind: Any) -> Any:
    """A function that reads the bits of one type as another."""

    @intrinsic
    def reinterpret(typing_context: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], kind)

        return numba_to(numba_from), generate

    return reinterpret


_bits_32 = _reinterpreted(types.float32, types.int32, ir.IntType(32))
_float_32 = _reinterpreted(types.int32, types.float32, ir.FloatType())
_bits_64 = _reinterpreted(types.float64, types.int64, ir.IntType(64))
_float_64 = _reinterpreted(types.int64, types.float64, ir.DoubleType())

_R32 = tuple(np.float32(1 / math.factorial(k)) for k in range(8))
_R64 = tuple(1 / math.factorial(k) for k in range(14))


@jit
def _reduced_32(x: Real) -> tuple[Real, Real]:
    """(exp(r) - 1, 2**(k - 1)) with x = k log 2 + r. Adding 1.5 * 2**23 leaves k in the lowest bits."""
    shifted = x * np.float32(1.4426950408889634) + np.float32(12582912.0)
    k = shifted - np.float32(12582912.0)
    r = (x - k * np.float32(0.693359375)) + k * np.float32(2.1219444e-4)
    p = _R32[7] * r + _R32[6]
    p = ((p * r + _R32[5]) * r + _R32[4]) * r + _R32[3]
    p = (p * r + _R32[2]) * r * r + r
    return p, _float_32((_bits_32(shifted) << np.int32(23)) + np.int32(126 << 23))


@jit
def _reduced_64(x: Real) -> tuple[Real, Real]:
    """As for float32, with 1.5 * 2**52."""
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    k = shifted - 6755399441055744.0
    r = (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10
    p = _R64[13] * r + _R64[12]
    p = ((p * r + _R64[11]) * r + _R64[10]) * r + _R64[9]
    p = ((p * r + _R64[8]) * r + _R64[7]) * r + _R64[6]
    p = ((p * r + _R64[5]) * r + _R64[4]) * r + _R64[3]
    p = (p * r + _R64[2]) * r * r + r
    return p, _float_64((_bits_64(shifted) << np.int64(52)) + np.int64(1022 << 52))


def _functions(real: Any, reduced: Any, highest: float, lowest: float, saturated: float, tiny: float) -> Functions:
    """The functions over a reduction. exp overflows above `highest` and is zero below `lowest`; tanh is 1 from
    `saturated` / 2; smaller gradients than `tiny` are zero, so that products with them are not denormal.
    """
    zero, one, two, infinity = real(0), real(1), real(2), real(np.inf)
    high, low, far, small = real(highest), real(lowest), real(saturated), real(tiny)

    @jit
    def exponential(x: Real) -> Real:
        inside = high if x > high else (low if x < low else x)
        p, half_scale = reduced(inside)
        y = (half_scale + half_scale * p) * two
        return infinity if x > high else (zero if x < low else y)

    @jit
    def exponential_minus_one(x: Real) -> Real:
        inside = high if x > high else (low if x < low else x)
        p, half_scale = reduced(inside)
        scale = two * half_scale
        y = (half_scale + half_scale * p) * two - one if x > one else scale * p + (scale - one)
        return infinity if x > high else y

    @jit
    def sigmoid(x: Real) -> Real:
        return one / (one + exponential(-x))

    @jit
    def tanh(x: Real) -> Real:
        double = two * abs(x)
        p, half_scale = reduced(far if double > far else double)
        scale = two * half_scale
        y = scale * p + (scale - one)
        y = y / (y + two)
        return -y if x < zero else y

    @jit
    def logarithm(x: Real) -> Real:
        return real(math.log(x)) if x > zero else (-infinity if x == zero else real(np.nan))

    @jit
    def square_root(x: Real) -> Real:
        return np.sqrt(x)

    @jit
    def softplus(x: Real, beta: Real, threshold: Real) -> Real:
        return x if x * beta > threshold else real(math.log1p(exponential(x * beta))) / beta

    @jit
    def flushed(gradient: Real) -> Real:
        return zero if abs(gradient) < small else gradient

    return Functions(exponential, exponential_minus_one, sigmoid, tanh, logarithm, square_root, softplus, flushed)


FLOAT32 = _functions(np.float32, _reduced_32, 88.72283, -86.6, 20.0, 2.0**-106)
FLOAT64 = _functions(np.float64, _reduced_64, 709.782712893384, -707.7, 44.0, 2.0**-1002)
