"""The same cells as a JAX scan, for comparison where JAX is installed."""

import importlib
import importlib.util
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn

GATES: dict[type[Cell], int] = {Rnn: 1, Gru: 3, GruTorch: 3, Lstm: 4}


def use_threads(count: int) -> None:
    """Keep JAX to one thread where no more are asked for; it reads this when it is imported."""
    if count == 1:
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")


def training_pass(
    cell_class: type[Cell], steps: int, batch: int, input_size: int, hidden_size: int
) -> Callable[[], object] | None:
    """One forward and backward pass, compiled, float32; None for another cell, or without JAX."""
    if cell_class not in GATES or importlib.util.find_spec("jax") is None:
        return None
    jax: Any = importlib.import_module("jax")
    step = _step(cell_class)
    x, gradient = (
        jax.numpy.asarray(np.random.default_rng(0).standard_normal((steps, batch, width)), "float32")
        for width in (input_size, hidden_size)
    )
    parameters = _parameters(GATES[cell_class], input_size, hidden_size)
    zeros = jax.numpy.zeros((batch, hidden_size), "float32")

    def loss(parameters: Any) -> Any:
        W, U, b = parameters
        drives = x @ W + b  # for all steps at once, as one writes it
        start = (zeros, zeros) if cell_class is Lstm else (zeros,)
        _, outputs = jax.lax.scan(lambda state, drive: step(U, state, drive), start, drives)
        return (outputs * gradient).sum()

    compiled = jax.jit(jax.grad(loss))
    return lambda: jax.block_until_ready(compiled(parameters))


def _parameters(gates: int, input_size: int, hidden_size: int) -> tuple[NDArray[Any], ...]:
    generator, bound = np.random.default_rng(0), hidden_size**-0.5
    shapes = [(input_size, gates * hidden_size), (hidden_size, gates * hidden_size), (gates * hidden_size,)]
    return tuple(generator.uniform(-bound, bound, shape).astype(np.float32) for shape in shapes)


def _step(cell_class: type[Cell]) -> Callable[[Any, Any, Any], Any]:
    """(U, state, W x + b) -> (state, h), gates side by side."""
    jax: Any = importlib.import_module("jax")
    jnp = jax.numpy
    sigmoid, tanh = jax.nn.sigmoid, jnp.tanh

    def rnn(U: Any, state: Any, drive: Any) -> Any:
        h = tanh(drive + state[0] @ U)
        return (h,), h

    def gru(U: Any, state: Any, drive: Any) -> Any:
        (h,) = state
        size = h.shape[1]
        r, z = jnp.split(sigmoid(drive[:, : 2 * size] + h @ U[:, : 2 * size]), 2, axis=1)
        n = tanh(drive[:, 2 * size :] + (r * h) @ U[:, 2 * size :])
        h = (1 - z) * h + z * n
        return (h,), h

    def gru_torch(U: Any, state: Any, drive: Any) -> Any:
        (h,) = state
        size, product = h.shape[1], h @ U
        r, z = jnp.split(sigmoid(drive[:, : 2 * size] + product[:, : 2 * size]), 2, axis=1)
        n = tanh(drive[:, 2 * size :] + r * product[:, 2 * size :])
        h = (1 - z) * n + z * h
        return (h,), h

    def lstm(U: Any, state: Any, drive: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(drive + h @ U, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return (h, c), h

    return {Rnn: rnn, Gru: gru, GruTorch: gru_torch, Lstm: lstm}[cell_class]
