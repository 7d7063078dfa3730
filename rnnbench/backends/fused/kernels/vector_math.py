"""Elementwise functions that LLVM can turn into vector instructions, which a call of the C library would prevent.

All but float32's tanh rest on exp(r) - 1 as a polynomial for |r| <= log(2) / 2. The largest errors over all float32, in
units in the last place, are 5.3 for tanh and 2.5 for sigmoid (where that is a normal number); |tanh| is at most 1, and
far out both are exactly 0 or 1. NaN passes through; exp below the smallest normal number is zero.
"""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from rnnbench.backends.fused.kernels.jit import Real, intrinsic, jit


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

_R32 = tuple(map(np.float32, (0.49999993431897, 0.16666520396734, 0.04166839082975, 0.00836874532346, 0.0013814537988)))
"""From r**2 on, fitted for the least relative error of exp: 3e-9."""
_R64 = tuple(1 / math.factorial(k) for k in range(14))

_NUMERATOR = tuple(
    map(np.float32, (0.1338268182006937, 0.003497450468315572, 2.063567080372101e-05, 1.3384013402587324e-08))
)
_DENOMINATOR = tuple(
    map(np.float32, (0.46716003076683993, 0.02588433547516735, 3.2885041734573967e-4, 7.790150127773145e-7))
)
"""tanh(x) / x is a quotient of polynomials in x**2 that begin with 1, as in Eigen and XLA, here of degree 4, fitted for
the least relative error up to 9.02: 2e-8. At 10 it exceeds 1 / x by 2e-6, so that rounding cannot end below 1."""


@jit
def _tanh_32(x: Real) -> Real:
    ten, one = np.float32(10), np.float32(1)
    a0, a1, a2, a3 = _NUMERATOR
    b0, b1, b2, b3 = _DENOMINATOR
    size = abs(x)
    size = ten if ten < size else size
    t = size * size
    y = size * ((((a3 * t + a2) * t + a1) * t + a0) * t + one) / ((((b3 * t + b2) * t + b1) * t + b0) * t + one)
    return math.copysign(one if one < y else y, x)


@jit
def _reduced_32(x: Real) -> tuple[Real, Real]:
    """(exp(r) - 1, 2**(k - 1)) with x = k log 2 + r. Adding 1.5 * 2**23 leaves k, and the 126 of the biased exponent
    k - 1, in the lowest bits; for k = 129 the power is infinite."""
    shifted = x * np.float32(1.4426950408889634) + np.float32(12582912.0 + 126)
    k = shifted - np.float32(12582912.0 + 126)
    r = (x - k * np.float32(0.693359375)) + k * np.float32(2.1219444e-4)
    c2, c3, c4, c5, c6 = _R32
    p = ((((c6 * r + c5) * r + c4) * r + c3) * r + c2) * r * r + r
    return p, _float_32(_bits_32(shifted) << np.int32(23))


@jit
def _reduced_64(x: Real) -> tuple[Real, Real]:
    """As for float32, with 1.5 * 2**52 and 1022; the power is infinite for k = 1025."""
    shifted = x * 1.4426950408889634 + (6755399441055744.0 + 1022)
    k = shifted - (6755399441055744.0 + 1022)
    r = (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10
    p = _R64[13] * r + _R64[12]
    p = ((p * r + _R64[11]) * r + _R64[10]) * r + _R64[9]
    p = ((p * r + _R64[8]) * r + _R64[7]) * r + _R64[6]
    p = ((p * r + _R64[5]) * r + _R64[4]) * r + _R64[3]
    p = (p * r + _R64[2]) * r * r + r
    return p, _float_64(_bits_64(shifted) << np.int64(52))


@jit
def _tanh_64(x: Real) -> Real:
    double = 2 * abs(x)
    p, half_scale = _reduced_64(44.0 if double > 44.0 else double)
    scale = 2 * half_scale
    y = scale * p + (scale - 1)
    return math.copysign(y / (y + 2), x)


def _functions(real: Any, reduced: Any, tanh: Any, highest: float, lowest: float, tiny: float) -> SimpleNamespace:
    """The functions over a reduction. exp overflows above `highest` and is zero below `lowest`; smaller gradients than
    `tiny` are zero, so that products with them are not denormal.
    """
    zero, half, one, two, infinity = real(0), real(0.5), real(1), real(2), real(np.inf)
    high, low, small = real(highest), real(lowest), real(tiny)
    # where exp(-x) is negligible, and where its scale is infinite
    one_from, zero_to = real(-lowest), real(-highest - 0.5)

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
        inside = one_from if one_from < x else (zero_to if zero_to > x else x)
        p, half_scale = reduced(-inside)
        return half / ((one + p) * half_scale + half)

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

    found = (exponential, exponential_minus_one, sigmoid, logarithm, square_root, softplus, flushed)
    return SimpleNamespace(tanh=tanh, **{function.__name__: function for function in found})


FLOAT32 = _functions(np.float32, _reduced_32, _tanh_32, 88.72283, -86.6, 2.0**-106)
FLOAT64 = _functions(np.float64, _reduced_64, _tanh_64, 709.782712893384, -707.7, 2.0**-1002)
