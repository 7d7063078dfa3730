"""The implementations of a cell's forward and backward pass.

Each computes h at every step and, from a gradient of each h, the gradients of all parameters.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from rnnbench.backends import FASTEST_FIRST, Backend, backend_named
from rnnbench.cells import Cell
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.states import count_numbers
from rnnbench.model.budget import hidden_size_for
from rnnbench.timing.measure import Pass, torch_mm_baseline, whole_pass

IMPLEMENTATIONS: dict[str, str] = {
    **{backend.name: f"backend={backend.name}" for backend in FASTEST_FIRST},
    "torch_compile": "the eager loop by torch.compile, unrolled, which takes a minute or more to compile",
    "torch_nn": "torch.nn's module for the cell, and for a GRU that resets before the product the lighter torch.nn.GRU",
    "torch_mm": "the cell's matrix products alone, in a loop of torch.mm; no bound",
    "lstm_fused": "an LSTM of the same sizes with backend=fused",
    "lstm_torch_nn": "torch.nn.LSTM of the same sizes",
    "equal_lstm_fused": "an LSTM of as many parameters, to within 2%, with backend=fused",
}
"""What is timed, where it applies. `fused` also returns the gradient through time, which its backward pass computes
anyway; the others would need further passes for it and are timed without. The LSTM is what all cells are compared with
by name, so it is named here."""

OF_AN_LSTM = ("lstm_fused", "lstm_torch_nn", "equal_lstm_fused")
"""Which of them are not of the cell itself."""

MODULES: dict[Callable[..., Any], Callable[[int, int], nn.Module]] = {
    torch.rnn_tanh: nn.RNN,
    torch.rnn_relu: partial(nn.RNN, nonlinearity="relu"),
    torch.gru: nn.GRU,
    torch.lstm: nn.LSTM,
}
"""The modules around torch's kernels."""


def implementations(cell: Cell, steps: int, batch: int, threads: int = 1, compiled: bool = False) -> dict[str, Pass]:
    """The pass of every implementation that there is for the cell, on the cell's device and in its dtype.

    `compiled`: torch_compile too, which compiles at its first call.
    """
    like = next(cell.parameters())
    generator = torch.Generator().manual_seed(0)

    def drawn(width: int) -> Tensor:
        return torch.randn(steps, batch, width, generator=generator, dtype=like.dtype).to(like.device)

    inputs, upstream = drawn(cell.input_size), drawn(cell.hidden_size)

    def of_module(make: Callable[[int, int], nn.Module]) -> Pass:
        module = make(cell.input_size, cell.hidden_size).to(like)
        return _pass(lambda: module(inputs)[0], module, upstream, threads)

    def of_cell(backend: Backend, cell: Cell) -> Pass:
        of_width = upstream if upstream.shape[-1] == cell.hidden_size else drawn(cell.hidden_size)
        return _pass(partial(_outputs, backend, cell, inputs), cell, of_width, backend.torch_threads)

    backends = [backend_named(backend.name, threads) for backend in FASTEST_FIRST]
    found = {backend.name: of_cell(backend, cell) for backend in backends if backend.unsupported_reason(cell) is None}
    if compiled:
        outputs = torch.compile(partial(_outputs, backend_named("eager", threads), cell), dynamic=False)
        found["torch_compile"] = _pass(lambda: outputs(inputs), cell, upstream, threads)
    if (make := torch_module(cell)) is not None:
        found["torch_nn"] = of_module(make)
    if (baseline := torch_mm_baseline(cell, steps, batch)) is not None:
        found["torch_mm"] = whole_pass(baseline, threads, like.device)
    if not isinstance(cell, Lstm):
        lstm = Lstm(cell.input_size, cell.hidden_size).to(like)
        fused = backend_named("fused", threads)
        if fused.unsupported_reason(lstm) is None:
            found["lstm_fused"] = of_cell(fused, lstm)
            if (equal := equal_lstm(cell)) is not None:
                found["equal_lstm_fused"] = of_cell(fused, equal.to(like))
        found["lstm_torch_nn"] = of_module(nn.LSTM)
    return found


def torch_module(cell: Cell) -> Callable[[int, int], nn.Module] | None:
    """The module of torch.nn that a cell is compared with: of the same equations, or else the nearest."""
    equivalent = cell.torch_equivalent()
    return cell.nearest_torch_module if equivalent is None else MODULES[equivalent.kernel]


def equal_lstm(cell: Cell) -> Lstm | None:
    """An LSTM of as many parameters; None where no width comes within 2%."""
    budget = count_numbers(cell.parameters())
    try:
        width = hidden_size_for(
            Lstm, input_size=cell.input_size, output_size=1, layers=1, budget=budget, counted="recurrent_layers"
        )
    except ValueError:
        return None
    return Lstm(cell.input_size, width)


def _outputs(backend: Backend, cell: Cell, inputs: Tensor) -> Tensor:
    hook = (lambda *gradients: None) if backend.name == "fused" else None  # what is done with them is not timed
    return backend.run(cell, inputs, hook=hook)[0]


def _pass(outputs: Callable[[], Tensor], module: nn.Module, upstream: Tensor, threads: int) -> Pass:
    parameters = list(module.parameters())

    def run() -> None:
        for parameter in parameters:
            parameter.grad = None
        outputs().backward(upstream)

    return whole_pass(run, threads, upstream.device)
