"""The kernels, each against torch or NumPy."""

import numpy as np
import pytest
import torch
from numba import njit

from rnnbench.backends.fused.kernels import matmul as library
from rnnbench.backends.fused.kernels.vector_math import FLOAT32, FLOAT64
from rnnbench.backends.fused.runtime.compile import publish_matmul


@pytest.mark.parametrize(("rows", "depth", "columns"), [(1, 1, 1), (7, 5, 3), (13, 33, 40), (24, 16, 32), (25, 3, 17)])
def test_products_equal_numpy(rows: int, depth: int, columns: int) -> None:
    publish_matmul("float64")
    generator = np.random.default_rng(0)
    a, m = generator.standard_normal((rows, depth)), generator.standard_normal((depth, columns))
    start, out = generator.standard_normal(columns), np.full((rows, columns), np.nan)
    panels = library.pack(m.ravel(), depth, columns)
    assert np.array_equal(library.pack_transpose(np.ascontiguousarray(m.T).ravel(), depth, columns), panels)
    library.matmul(a.ravel(), panels, start, out.reshape(-1), rows, depth, columns)
    np.testing.assert_allclose(out, a @ m + start, rtol=0, atol=1e-13)
    library.matmul_accumulate(a.ravel(), panels, out.reshape(-1), rows, depth, columns)
    np.testing.assert_allclose(out, 2 * (a @ m) + start, rtol=0, atol=1e-13)
    gathered = np.ones((columns, depth))
    library.outer_product_accumulate(out.reshape(-1), a.ravel(), gathered.reshape(-1), 1, rows, rows, columns, depth)
    np.testing.assert_allclose(gathered, out.T @ a + 1, rtol=0, atol=1e-11)
    total = np.ones(columns)
    library.sum_accumulate(out.reshape(-1), total, rows, columns)
    np.testing.assert_allclose(total, out.sum(0) + 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("features", "columns"), [(4, 5), (5, 4)])
def test_outer_product_over_some_rows_of_every_step_equals_numpy(features: int, columns: int) -> None:
    publish_matmul("float64")
    generator = np.random.default_rng(0)
    steps, batch, first, rows = 3, 6, 2, 3
    gradient = generator.standard_normal((steps, rows, features))
    source = generator.standard_normal((steps, batch, columns))
    out = np.ones((features, columns))
    library.outer_product_accumulate(
        gradient.reshape(-1), source.reshape(-1)[first * columns :], out.reshape(-1), steps, batch, rows, features,
        columns,
    )  # fmt: skip
    expected = np.einsum("tri,trj->ij", gradient, source[:, first : first + rows]) + 1
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-13)


SPECIAL = [0.0, 1e-30, -1e-30, 1e-8, 88.7, -86.5, 710.0, -750.0, 1e4, -1e4, np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_functions_are_exact_to_a_few_units_in_the_last_place(kind: type[np.floating]) -> None:
    functions = FLOAT32 if kind is np.float32 else FLOAT64
    exponential, sigmoid, tanh = functions.exponential, functions.sigmoid, functions.tanh
    logarithm, softplus = functions.logarithm, functions.softplus
    one, far = kind(1), kind(20)

    @njit(error_model="numpy", fastmath={"contract"})
    def all_of(x, y):  # type: ignore[no-untyped-def]
        for k in range(x.size):
            y[0, k], y[1, k], y[2, k] = exponential(x[k]), sigmoid(x[k]), tanh(x[k])
            y[3, k], y[4, k] = logarithm(x[k]), softplus(x[k], one, far)

    points = np.concatenate([np.linspace(-80, 80, 4001), np.linspace(-1, 1, 2001), SPECIAL]).astype(kind)
    found = np.empty((5, points.size), kind)
    all_of(points, found)
    exact = torch.from_numpy(points.astype(np.float64))
    truth = [exact.exp(), exact.sigmoid(), exact.tanh(), exact.log(), torch.nn.functional.softplus(exact)]
    for values, expected in zip(found, truth, strict=True):
        with np.errstate(over="ignore"):
            rounded = expected.numpy().astype(kind)
        np.testing.assert_allclose(values, rounded, rtol=4 * np.finfo(kind).eps, atol=3e-38)


@pytest.mark.parametrize("stride", [4099, pytest.param(1, marks=pytest.mark.long)])
def test_errors_of_tanh_and_sigmoid_over_all_float32(stride: int) -> None:
    tanh, sigmoid = FLOAT32.tanh, FLOAT32.sigmoid

    @njit(error_model="numpy", fastmath={"contract"})
    def both(x, y):  # type: ignore[no-untyped-def]
        for k in range(x.size):
            y[0, k], y[1, k] = tanh(x[k]), sigmoid(x[k])

    tiny = np.finfo(np.float32).tiny
    for start in range(0, 2**32, 2**24):
        x = np.arange(start, start + 2**24, stride).astype(np.uint32).view(np.float32)
        found, here = np.empty((2, x.size), np.float32), ~np.isnan(x)
        both(x, found)
        assert np.array_equal(~np.isnan(found), [here, here])
        x, found = x[here], found[:, here]
        exact = x.astype(np.float64)
        with np.errstate(over="ignore"):
            truths = np.tanh(exact), 1 / (1 + np.exp(-exact))
        for values, truth, limit in zip(found, truths, (6, 3), strict=True):
            last_place = np.spacing(np.maximum(np.abs(truth), tiny).astype(np.float32))
            below_normal = np.where((exact < -80) & (truth > 0) & (truth < tiny), 3e-39, 0)
            assert np.all(np.abs(values - truth) <= limit * last_place + below_normal)
        assert np.array_equal(np.signbit(found[0]), np.signbit(x))
        assert np.all(np.abs(found) <= 1)
        assert np.all(np.abs(found[0][np.abs(x) >= 9.5]) == 1)
        assert np.all(found[1][x >= 17.4] == 1)
        assert not found[1][x <= -90].any()
