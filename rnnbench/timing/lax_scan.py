"""The same cells as a JAX scan, for comparison where JAX is installed."""

import importlib
import importlib.util
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn

Step = Callable[[Any, Any, Any], Any]
"""(U, state, W x + b) -> (state, h), gates side by side."""


def training_pass(
    cell_class: type[Cell], steps: int, batch: int, input_size: int, hidden_size: int, threads: int = 1
) -> Callable[[], object] | None:
    """One forward and backward pass, compiled, float32; None for another cell, or without JAX."""
    if importlib.util.find_spec("jax") is None:
        return None
    if threads == 1:  # JAX reads this when it is imported
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    jax: Any = importlib.import_module("jax")
    if cell_class not in (known := _steps(jax)):
        return None
    gates, step = known[cell_class]
    generator, bound = np.random.default_rng(0), hidden_size**-0.5
    x, gradient = (
        jax.numpy.asarray(generator.standard_normal((steps, batch, width)), "float32")
        for width in (input_size, hidden_size)
    )
    shapes = [(input_size, gates * hidden_size), (hidden_size, gates * hidden_size), (gates * hidden_size,)]
    parameters = tuple(generator.uniform(-bound, bound, shape).astype(np.float32) for shape in shapes)
    zeros = jax.numpy.zeros((batch, hidden_size), "float32")

    def loss(parameters: Any) -> Any:
        W, U, b = parameters
        drives = x @ W + b  # for all steps at once, as one writes it
        start = (zeros, zeros) if cell_class is Lstm else (zeros,)
        _, outputs = jax.lax.scan(lambda state, drive: step(U, state, drive), start, drives)
        return (outputs * gradient).sum()

    compiled = jax.jit(jax.grad(loss))
    return lambda: jax.block_until_ready(compiled(parameters))


def _steps(jax: Any) -> dict[type[Cell], tuple[int, Step]]:
    """The number of gates and the step of each cell."""
    jnp, sigmoid, tanh = jax.numpy, jax.nn.sigmoid, jax.numpy.tanh

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

    return {Rnn: (1, rnn), Gru: (3, gru), GruTorch: (3, gru_torch), Lstm: (4, lstm)}
