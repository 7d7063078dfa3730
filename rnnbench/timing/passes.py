"""Forward and backward passes of a cell, by every backend and beside them, timed in turns in one process.

Every contestant computes h at every step and, from a gradient for each of them, the gradients of all parameters.
"""

import gc
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnbench.backends import FASTEST_FIRST, Backend, backend_named
from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_concat import GruConcat
from rnnbench.cells.lstm import Lstm
from rnnbench.probes.probe import Array
from rnnbench.timing.torch_mm_baseline import torch_mm_baseline

Pass = Callable[[], object]
"""One forward and backward pass."""

CONTESTANTS: dict[str, str] = {
    **{backend.name: f"backend={backend.name}" for backend in FASTEST_FIRST},
    "torch_nn": "torch.nn's module for the cell, and for a GRU that resets before the product the lighter torch.nn.GRU",
    "torch_mm": "the cell's matrix products alone, in a loop of torch.mm",
    "lstm_fused": "an LSTM of the same sizes with backend=fused",
    "lstm_torch_nn": "torch.nn.LSTM of the same sizes",
}
"""Who takes part, where it applies. `fused` hands out the gradient through time as well, which comes with its way back;
elsewhere it would cost passes of its own and is left out."""

MODULES: dict[Callable[..., Any], Callable[[int, int], nn.Module]] = {
    torch.rnn_tanh: nn.RNN,
    torch.rnn_relu: partial(nn.RNN, nonlinearity="relu"),
    torch.gru: nn.GRU,
    torch.lstm: nn.LSTM,
}
"""The modules around torch's kernels."""


def contestants(cell: Cell, steps: int, batch: int, threads: int = 1) -> dict[str, Pass]:
    """The passes of all contestants for which there is the cell or the module, on the cell's device and dtype."""
    like = next(cell.parameters())
    generator = torch.Generator().manual_seed(0)

    def drawn(width: int) -> Tensor:
        return torch.randn(steps, batch, width, generator=generator, dtype=like.dtype).to(like.device)

    inputs, upstream = drawn(cell.input_size), drawn(cell.hidden_size)

    def of_module(make: Callable[[int, int], nn.Module]) -> Pass:
        module = make(cell.input_size, cell.hidden_size).to(like)
        return _with_threads(threads, _pass(lambda: module(inputs)[0], module, upstream))

    def of_cell(backend: Backend, cell: Cell) -> Pass:
        return _with_threads(backend.torch_threads, _pass(partial(_outputs, backend, cell, inputs), cell, upstream))

    backends = [backend_named(backend.name, threads) for backend in FASTEST_FIRST]
    found = {backend.name: of_cell(backend, cell) for backend in backends if backend.unsupported_reason(cell) is None}
    if (make := counterpart(cell)) is not None:
        found["torch_nn"] = of_module(make)
    if (baseline := torch_mm_baseline(cell, steps, batch)) is not None:
        found["torch_mm"] = _with_threads(threads, baseline)
    if not isinstance(cell, Lstm):
        lstm = Lstm(cell.input_size, cell.hidden_size).to(like)
        fused = backend_named("fused", threads)
        if fused.unsupported_reason(lstm) is None:
            found["lstm_fused"] = of_cell(fused, lstm)
        found["lstm_torch_nn"] = of_module(nn.LSTM)
    return found


def counterpart(cell: Cell) -> Callable[[int, int], nn.Module] | None:
    """The module of torch.nn that a cell is compared with."""
    equivalent = cell.torch_equivalent()
    if equivalent is not None:
        return MODULES[equivalent.kernel]
    return nn.GRU if isinstance(cell, Gru | GruConcat) else None


def seconds_in_turns(passes: Mapping[str, Pass], turns: int, eager_turns: int) -> dict[str, Array]:
    """Seconds of every pass, by contestant, after two untimed turns.

    Each turn goes through them in another order, drawn from a fixed seed, and runs each twice, of which the second
    counts: so none meets the caches and the waiting threads that another has left. The eager loop, often ten times as
    slow as the others, has fewer turns. No garbage is collected meanwhile.
    """
    seconds: dict[str, list[float]] = {name: [] for name in passes}
    generator = np.random.default_rng(0)
    collects = gc.isenabled()
    gc.disable()
    try:
        for turn in range(-2, turns):
            for name in generator.permutation(list(passes)).tolist():
                if name == "eager" and turn >= eager_turns:
                    continue
                passes[name]()
                started = time.perf_counter()
                passes[name]()
                if turn >= 0:
                    seconds[name].append(time.perf_counter() - started)
    finally:
        if collects:
            gc.enable()
    return {name: np.array(values) for name, values in seconds.items()}


def _outputs(backend: Backend, cell: Cell, inputs: Tensor) -> Tensor:
    hook = _ignore if backend.name == "fused" else None
    return backend.run(cell, inputs, cell.initial_state(inputs.shape[1]), hook)[0]


def _with_threads(torch_threads: int, run: Pass) -> Pass:
    def run_with_threads() -> None:
        torch.set_num_threads(torch_threads)
        run()

    return run_with_threads


def _ignore(state_index: int, first_step: int, gradients: Tensor) -> None:
    """A hook that does nothing with the profile: what is done with it is not the backend's time."""


def _pass(outputs: Callable[[], Tensor], module: nn.Module, upstream: Tensor) -> Pass:
    parameters = list(module.parameters())

    def run() -> None:
        for parameter in parameters:
            parameter.grad = None
        outputs().backward(upstream)
        if upstream.is_cuda:
            torch.cuda.synchronize(upstream.device)

    return run
