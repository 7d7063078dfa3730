"""The generated source run by Python itself, so that a hundred steps can be tried without compiling one.

What the loops call is replaced by plain NumPy: other code than the compiled, which therefore also stands in as a
reference for what the loops expect of it.
"""

import ast
import functools
import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import rnnbench.backends.fused.runtime.run as fused_run


def _matmul(a: Any, matrix: Any, start: Any, out: Any, rows: int, depth: int, columns: int) -> None:
    out[:] = (a.reshape(rows, depth) @ matrix + start).ravel()


def _matmul_accumulate(a: Any, matrix: Any, out: Any, rows: int, depth: int, columns: int) -> None:
    out += (a.reshape(rows, depth) @ matrix).ravel()


def _outer_product_accumulate(
    gradient: Any, source: Any, out: Any, steps: int, batch: int, rows: int, features: int, columns: int
) -> None:
    for step in range(steps):
        left = gradient[step * rows * features : (step + 1) * rows * features].reshape(rows, features)
        begin = step * batch * columns
        out += (left.T @ source[begin : begin + rows * columns].reshape(rows, columns)).ravel()


def _sum_accumulate(gradient: Any, out: Any, rows: int, features: int) -> None:
    out += gradient[: rows * features].reshape(rows, features).sum(0)


def _columns_accumulate(
    a: Any, out: Any, rows: int, width: int, first: int, out_width: int, at: int, count: int
) -> None:
    out.reshape(rows, out_width)[:, at : at + count] += a.reshape(rows, width)[:, first : first + count]


def _row_sum_accumulate(a: Any, out: Any, rows: int, width: int, divisor: int) -> None:
    out += a.reshape(rows, width).sum(1) / divisor


def _spread_accumulate(a: Any, out: Any, rows: int, width: int, divisor: int) -> None:
    out += np.repeat(a / divisor, width)


def _undecorated(**settings: Any) -> Callable[[Any], Any]:
    return lambda function: function


NAMES: dict[str, Any] = {
    "np": np,
    "math": SimpleNamespace(log1p=np.log1p, erf=math.erf),
    "cached_jit": _undecorated,
    "pack": lambda matrix, depth, columns: matrix.reshape(depth, columns),
    "pack_transpose": lambda matrix, depth, columns: matrix.reshape(columns, depth).T,
    "matmul": _matmul,
    "matmul_accumulate": _matmul_accumulate,
    "outer_product_accumulate": _outer_product_accumulate,
    "sum_accumulate": _sum_accumulate,
    "columns_accumulate": _columns_accumulate,
    "row_sum_accumulate": _row_sum_accumulate,
    "spread_accumulate": _spread_accumulate,
    "exponential": np.exp,
    "exponential_minus_one": np.expm1,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "logarithm": np.log,
    "square_root": np.sqrt,
    "softplus": lambda x, beta, threshold: x if x * beta > threshold else np.log1p(np.exp(x * beta)) / beta,
    "flushed": lambda gradient: gradient,
}


@functools.cache
def interpreted(source: str, real: str) -> SimpleNamespace:
    """The two functions of a generated source, as `compile.compiled` gives them, but not compiled."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    names = {**NAMES, "real": getattr(np, real)}
    exec(compile(tree, "<generated>", "exec"), names)
    return SimpleNamespace(forward=names["forward"], backward=names["backward"])


@pytest.fixture
def interpret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The loops run by Python, which takes no seconds to compile."""
    monkeypatch.setattr(fused_run, "compiled", interpreted)
    with np.errstate(all="ignore"):
        yield
