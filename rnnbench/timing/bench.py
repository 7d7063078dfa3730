"""`make bench`: the time of a cell's passes by each implementation, and what the harness adds to a training step.

`python -m rnnbench.timing` prints both tables, with lax.scan where JAX is installed (the extra `jax`). All
implementations of a cell, and the peak, are interleaved in one process, denormals flushed. `shared` marks times taken
beside other work on the machine. `experiment=speed` times other cells and sizes.
"""

import argparse
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from tabulate import tabulate

from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.machine import cpu_limit, is_shared, logical_cores, processor
from rnnbench.timing import lax_scan, overhead
from rnnbench.timing.implementations import OF_AN_LSTM, implementations
from rnnbench.timing.peak import time_beside_peak


class Sizes(NamedTuple):
    """The sizes of one comparison."""

    steps: int
    batch: int
    input_size: int
    hidden_size: int


SIZES = (Sizes(100, 20, 10, 128), Sizes(200, 64, 10, 128), Sizes(200, 64, 2, 64), Sizes(100, 50, 10, 32))
CELLS: tuple[type[Cell], ...] = (Rnn, Gru, GruTorch, Lstm)
NAMES = {"torch_nn": "torch.nn", "torch_mm": "torch.mm loop"}
HEADINGS = (
    "cell",
    "T, B, input, H",
    "implementation",
    "best ms",
    "median ms",
    "quartiles",
    "fraction of peak",
    "time / torch.mm loop",
    "speed-up over torch.nn",
    "peak GFLOP/s",
    "load of others (cores)",
)


def rows(sizes: Sizes, family: type[Cell], repetitions: int, threads: int = 1) -> Iterator[tuple[str, ...]]:
    """One row per implementation."""
    cell = family(sizes.input_size, sizes.hidden_size)
    cell.initialise(torch.Generator().manual_seed(0))
    passes = implementations(cell, sizes.steps, sizes.batch, threads)
    scan = lax_scan.training_pass(family, sizes.steps, sizes.batch, sizes.input_size, sizes.hidden_size)
    if scan is not None:
        passes["jax lax.scan"] = scan
    own = {name: run for name, run in passes.items() if name not in OF_AN_LSTM}
    timings = time_beside_peak(cell, own, sizes.steps, sizes.batch, threads, repetitions, eager=min(repetitions, 5))
    medians = {name: float(np.median(values)) for name, values in timings.seconds.items()}
    for name, values in timings.seconds.items():
        lower, upper = np.quantile(values, [0.25, 0.75]) * 1e3
        fraction = timings.fraction_of_peak(name)
        yield (
            family.__name__,
            ", ".join(map(str, sizes)),
            "fused + profile" if name == "fused" else NAMES.get(name, name),
            f"{timings.best(name) * 1e3:.2f}",
            f"{medians[name] * 1e3:.2f}",
            f"{lower:.2f} - {upper:.2f}",
            "" if fraction is None else f"{fraction:.2f}",
            f"{medians[name] / medians['torch_mm']:.2f}",
            f"{medians['torch_nn'] / medians[name]:.2f}",
            f"{timings.peak_flops / 1e9:.1f}",
            f"{timings.cpu_load:.1f}{' shared' if is_shared(timings.cpu_load, threads) else ''}",
        )


def machine_line() -> str:
    """The processor, and how much of it there is for this process."""
    limit = cpu_limit()
    limited = "" if limit is None else f", {limit:g} of them allowed"
    return f"{processor()}; {logical_cores()} logical cores{limited}; torch {torch.__version__}"


def print_speed(threads: Iterable[int], repetitions: int) -> None:
    """Print the table of passes for each number of threads."""
    torch.set_flush_denormal(True)
    print(machine_line())
    for count in threads:
        table = [row for sizes in SIZES for family in CELLS for row in rows(sizes, family, repetitions, count)]
        print(
            f"\nForward and backward, float32, {count} thread{'s' * (count > 1)}, {repetitions} interleaved repetitions"
        )
        print(tabulate(table, headers=HEADINGS, disable_numparse=True))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="numbers of threads, one table each")
    parser.add_argument("--repetitions", type=int, default=20, help="timed passes of each implementation")
    arguments = parser.parse_args()
    lax_scan.use_threads(max(arguments.threads))
    print_speed(arguments.threads, arguments.repetitions)
    print()
    overhead.main()
