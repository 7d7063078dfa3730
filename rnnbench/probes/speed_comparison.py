"""How long a cell takes to train on, backend by backend, against torch.nn and against its bare matrix products.

Every contestant computes h at every step and, from a gradient for each of them, the gradients of all parameters. They
take turns in one process, denormals flushed. `python -m rnnbench.probes.speed_comparison` prints the table.
"""

import argparse
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles

import torch
from tabulate import tabulate
from torch import Tensor, nn

from rnnbench.backends import FASTEST_FIRST, Backend
from rnnbench.cells import Cell, Gru, GruTorch, Lstm, Rnn
from rnnbench.probes import lax_scan
from rnnbench.probes.product_floor import product_floor

Pass = Callable[[], object]
"""One forward and backward pass."""

COUNTERPARTS: dict[type[Cell], Callable[[int, int], nn.Module]] = {
    Rnn: nn.RNN,
    Gru: nn.GRU,
    GruTorch: nn.GRU,
    Lstm: nn.LSTM,
}
"""The module of torch.nn that a cell is compared with; that of `Gru` resets after the product, a lighter task."""


@dataclass(frozen=True)
class Sizes:
    """The sizes of one comparison."""

    steps: int
    batch: int
    input_size: int
    hidden_size: int


SIZES = (Sizes(100, 20, 10, 128), Sizes(200, 64, 10, 128), Sizes(200, 64, 2, 64), Sizes(100, 50, 10, 32))


@dataclass(frozen=True)
class SpeedRow:
    """One contestant: seconds of a forward and backward pass, and how they compare.

    `times_floor` is the median over that of the cell's matrix products alone, `speedup_over_torch_nn` the median of
    torch.nn's module over this one; None where there is no such contestant. `profile` says whether the gradient with
    respect to every state was handed out too.
    """

    cell: str
    backend: str
    profile: bool
    steps: int
    batch: int
    input_size: int
    hidden_size: int
    threads: int
    repeats: int
    lower_quartile_s: float
    median_s: float
    upper_quartile_s: float
    times_floor: float | None
    speedup_over_torch_nn: float | None


def compare_speed(
    cell_class: type[Cell], sizes: Sizes, *, threads: int = 1, repeats: int = 20, slow_repeats: int = 5
) -> list[SpeedRow]:
    """Time every backend that can run the cell, torch.nn's counterpart, the bare products, and lax.scan where there is
    JAX. The eager loop, ten times as slow as the others, has `slow_repeats` turns.
    """
    contestants = _contestants(cell_class, sizes)
    with _timing_conditions(threads):
        for run in contestants.values():
            for _ in range(3):
                run()
        seconds = _in_turns(contestants, repeats, slow_repeats)
    return _rows(cell_class.__name__, sizes, threads, seconds)


def _contestants(cell_class: type[Cell], sizes: Sizes) -> dict[str, Pass]:
    generator = torch.Generator().manual_seed(0)
    cell = cell_class(sizes.input_size, sizes.hidden_size)
    cell.initialise(generator)
    inputs = torch.randn(sizes.steps, sizes.batch, sizes.input_size, generator=generator)
    upstream = torch.randn(sizes.steps, sizes.batch, sizes.hidden_size, generator=generator)
    found: dict[str, Pass] = {}
    for backend in FASTEST_FIRST:
        if backend.refusal(cell) is None:
            found[backend.name] = _pass(partial(_outputs, backend, cell, inputs), cell, upstream)
    if cell_class in COUNTERPARTS:
        module = COUNTERPARTS[cell_class](sizes.input_size, sizes.hidden_size)
        found["torch.nn"] = _pass(lambda: module(inputs)[0], module, upstream)
    floor = product_floor(cell, sizes.steps, sizes.batch)
    if floor is not None:
        found["floor"] = floor
    scan = lax_scan.training_pass(cell_class, inputs.numpy(), upstream.numpy(), sizes.hidden_size)
    if scan is not None:
        found["jax"] = scan
    return found


def _outputs(backend: Backend, cell: Cell, inputs: Tensor) -> Tensor:
    """With the gradient profile where it comes with the way back; elsewhere it would cost passes of its own."""
    tap = _hear if backend.name == "fused" else None
    return backend.run(cell, inputs, cell.initial_state(inputs.shape[1]), tap)[0]


def _hear(state_index: int, first_step: int, gradients: Tensor) -> None:
    """A tap that takes the profile and does nothing with it: what is done with it is not the backend's time."""


def _pass(outputs: Callable[[], Tensor], module: nn.Module, upstream: Tensor) -> Pass:
    def run() -> None:
        module.zero_grad()
        outputs().backward(upstream)

    return run


def _in_turns(contestants: dict[str, Pass], repeats: int, slow_repeats: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(repeats):
        for name, run in contestants.items():
            if name == "eager" and turn >= slow_repeats:
                continue
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def _rows(cell: str, sizes: Sizes, threads: int, seconds: dict[str, list[float]]) -> list[SpeedRow]:
    medians = {name: median(values) for name, values in seconds.items()}
    rows = []
    for name, values in seconds.items():
        lower, _, upper = quantiles(values, n=4, method="inclusive")
        rows.append(
            SpeedRow(
                cell=cell,
                backend=name,
                profile=name == "fused",
                steps=sizes.steps,
                batch=sizes.batch,
                input_size=sizes.input_size,
                hidden_size=sizes.hidden_size,
                threads=threads,
                repeats=len(values),
                lower_quartile_s=lower,
                median_s=medians[name],
                upper_quartile_s=upper,
                times_floor=medians[name] / medians["floor"] if "floor" in medians else None,
                speedup_over_torch_nn=medians["torch.nn"] / medians[name] if "torch.nn" in medians else None,
            )
        )
    return rows


@contextmanager
def _timing_conditions(threads: int) -> Iterator[None]:
    """So many threads, denormals flushed, no garbage collected; all put back afterwards."""
    threads_before, flushed_before = torch.get_num_threads(), _flushes_denormals()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        torch.set_num_threads(threads_before)
        torch.set_flush_denormal(flushed_before)
        if collects:
            gc.enable()


def _flushes_denormals() -> bool:
    """torch has a setter for this mode and no getter."""
    return bool(torch.tensor([1e-310], dtype=torch.float64).mul(1.0).eq(0).item())


def table(rows: Sequence[SpeedRow]) -> str:
    """The rows for a terminal, times in milliseconds with their quartiles."""

    def ratio(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    return tabulate(
        [
            (
                row.cell,
                f"{row.steps}, {row.batch}, {row.input_size}, {row.hidden_size}",
                row.threads,
                row.backend + (" + profile" if row.profile else ""),
                f"{1e3 * row.median_s:.2f}",
                f"{1e3 * row.lower_quartile_s:.2f} - {1e3 * row.upper_quartile_s:.2f}",
                ratio(row.times_floor),
                ratio(row.speedup_over_torch_nn),
            )
            for row in rows
        ],
        headers=["cell", "T, B, input, H", "threads", "backend", "ms", "quartiles", "x floor", "torch.nn / it"],
        disable_numparse=True,
    )


def main() -> None:
    """Print the table for four sizes and four cells."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    if arguments.threads == 1:
        lax_scan.use_one_thread()
    rows: list[SpeedRow] = []
    for sizes in SIZES:
        for cell_class in COUNTERPARTS:
            rows += compare_speed(cell_class, sizes, threads=arguments.threads, repeats=arguments.repeats)
    print(table(rows))


if __name__ == "__main__":
    main()
