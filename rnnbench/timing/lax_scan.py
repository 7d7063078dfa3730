"""A training step of the same cells as a JAX scan, for comparison: it needs JAX."""

import importlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn

Step = Callable[[Any, Any, Any], Any]
"""(U, state, W x + b) -> (state, h), gates side by side."""


def training_step(
    cell_class: type[Cell], length: int, batch: int, hidden_size: int, learning_rate: float
) -> Callable[[], tuple[float, float]]:
    """One training step of the adding problem, jitted as a whole: batch, gradient, clipping to norm 1, Adam.

    On one thread, float32; it returns loss and norm of the gradient.
    """
    # JAX reads this when it is imported
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    jax = importlib.import_module("jax")
    jnp, tree = jax.numpy, jax.tree.map
    readout = [jnp.zeros((hidden_size, 1)), jnp.zeros(1)]
    parameters = [*_parameters(jax, cell_class, 2, hidden_size), *readout]
    zeros = tree(jnp.zeros_like, parameters)

    def loss(parameters: Any, inputs: Any, targets: Any) -> Any:
        *recurrent, weight, bias = parameters
        (h, *_), _ = _scan(jax, cell_class, recurrent, inputs)
        return ((h @ weight + bias - targets) ** 2).mean()

    @jax.jit  # type: ignore[untyped-decorator]
    def update(parameters: Any, means: Any, squares: Any, count: Any, key: Any) -> Any:
        key, drawn = jax.random.split(key)
        value, gradients = jax.value_and_grad(loss)(parameters, *_adding(jax, drawn, length, batch))
        norm = jnp.sqrt(sum((gradient**2).sum() for gradient in gradients))
        gradients = tree(lambda gradient: gradient * jnp.minimum(1.0, 1 / (norm + 1e-6)), gradients)
        means = tree(lambda m, g: 0.9 * m + 0.1 * g, means, gradients)
        squares = tree(lambda v, g: 0.999 * v + 0.001 * g * g, squares, gradients)
        rate = learning_rate / (1 - 0.9 ** (count + 1))
        scale = (1 - 0.999 ** (count + 1)) ** 0.5
        changes = tree(lambda m, v: rate * m / (jnp.sqrt(v) / scale + 1e-8), means, squares)
        parameters = tree(lambda p, change: p - change, parameters, changes)
        return (parameters, means, squares, count + 1, key), value, norm

    state = [parameters, zeros, zeros, jnp.float32(0), jax.random.PRNGKey(0)]

    def run() -> tuple[float, float]:
        state[:], value, norm = update(*state)
        return float(value), float(norm)

    return run


def _adding(jax: Any, key: Any, length: int, batch: int) -> Any:
    """Inputs (length, batch, 2) and targets (batch, 1) of the adding problem: a marker in each half."""
    jnp, middle = jax.numpy, length // 2
    of_values, of_first, of_second = jax.random.split(key, 3)
    values = jax.random.uniform(of_values, (length, batch))
    first = jax.random.randint(of_first, (batch,), 0, middle)
    second = jax.random.randint(of_second, (batch,), middle, length)
    markers = jax.nn.one_hot(first, length, axis=0) + jax.nn.one_hot(second, length, axis=0)
    return jnp.stack([values, markers], -1), (values * markers).sum(0)[:, None]


def _parameters(jax: Any, cell_class: type[Cell], input_size: int, hidden_size: int) -> list[Any]:
    """W, U and b, uniform with the cells' bound."""
    generator, bound = np.random.default_rng(0), hidden_size**-0.5
    width = _steps(jax)[cell_class][0] * hidden_size
    shapes = [(input_size, width), (hidden_size, width), (width,)]
    return [jax.numpy.asarray(generator.uniform(-bound, bound, shape), "float32") for shape in shapes]


def _scan(jax: Any, cell_class: type[Cell], parameters: Any, x: Any) -> Any:
    W, U, b = parameters
    zeros = jax.numpy.zeros((x.shape[1], U.shape[0]), "float32")
    step = _steps(jax)[cell_class][1]
    drives = x @ W + b  # for all steps at once, as one writes it
    start = (zeros, zeros) if cell_class is Lstm else (zeros,)
    return jax.lax.scan(lambda state, drive: step(U, state, drive), start, drives)


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

    def lstm(U: Any, state: Any, drive: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(drive + h @ U, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return (h, c), h

    return {Rnn: (1, rnn), Gru: (3, gru), Lstm: (4, lstm)}
