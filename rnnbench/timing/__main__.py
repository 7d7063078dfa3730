"""`python -m rnnbench.timing`: the tables of `make bench`."""

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
from rnnbench.machine import ExternalLoadMeter, cpu_limit, is_shared, logical_cores, processor
from rnnbench.timing import lax_scan, whole_step
from rnnbench.timing.implementations import OF_AN_LSTM, implementations
from rnnbench.timing.measure import time_with_peak


class Sizes(NamedTuple):
    """The sizes of one comparison."""

    steps: int
    batch: int
    input_size: int
    hidden_size: int


SIZES = (Sizes(100, 20, 10, 128), Sizes(200, 64, 10, 128), Sizes(200, 64, 2, 64), Sizes(100, 50, 10, 32))
CELLS: tuple[type[Cell], ...] = (Rnn, Gru, GruTorch, Lstm)
NAMES = {"fused": "fused + profile", "torch_nn": "torch.nn", "torch_mm": "torch.mm loop"}


def rows(sizes: Sizes, family: type[Cell], repetitions: int, threads: int = 1) -> Iterator[dict[str, str]]:
    """One row per implementation."""
    cell = family(sizes.input_size, sizes.hidden_size)
    cell.initialise(torch.Generator().manual_seed(0))
    passes = implementations(cell, sizes.steps, sizes.batch, threads)
    scan = lax_scan.training_pass(family, *sizes, threads)
    if scan is not None:
        passes["jax lax.scan"] = scan
    own = {name: run for name, run in passes.items() if name not in OF_AN_LSTM}
    timings = time_with_peak(cell, own, sizes.steps, sizes.batch, threads, repetitions, eager=min(repetitions, 5))
    medians = {name: float(np.median(values)) for name, values in timings.seconds.items()}
    for name, values in timings.seconds.items():
        lower, upper = np.quantile(values, [0.25, 0.75]) * 1e3
        fraction = timings.fraction_of_peak(name)
        yield {
            "cell": family.__name__,
            "T, B, input, H": ", ".join(map(str, sizes)),
            "implementation": NAMES.get(name, name),
            "best ms": f"{timings.best(name) * 1e3:.2f}",
            "median ms": f"{medians[name] * 1e3:.2f}",
            "quartiles": f"{lower:.2f} - {upper:.2f}",
            "rate / torch.mm": "" if fraction is None else f"{fraction:.2f}",
            "time / torch.mm loop": f"{medians[name] / medians['torch_mm']:.2f}",
            "speed-up over torch.nn": f"{medians['torch_nn'] / medians[name]:.2f}",
            "torch.mm GFLOP/s": f"{timings.peak_flops / 1e9:.1f}",
            "load of others (cores)": f"{timings.cpu_load:.1f}"
            f"{' shared' if is_shared(timings.cpu_load, threads) else ''}",
        }


def machine_line() -> str:
    """The processor, and how much of it there is for this process."""
    limit = cpu_limit()
    limited = "" if limit is None else f", {limit:g} of them allowed"
    return f"{processor()}; {logical_cores()} logical cores{limited}; torch {torch.__version__}"


def print_passes(threads: Iterable[int], repetitions: int) -> None:
    """Print the table of passes for each number of threads."""
    print(machine_line())
    for count in threads:
        table = [row for sizes in SIZES for family in CELLS for row in rows(sizes, family, repetitions, count)]
        print(f"\nForward and backward, float32, threads: {count}, {repetitions} interleaved repetitions")
        print(tabulate(table, headers="keys", disable_numparse=True))


def print_whole_steps(repetitions: int, compiled: bool) -> None:
    """Print the table of whole training steps, below the machine and the load of other work meanwhile."""
    torch.set_num_threads(1)
    others = ExternalLoadMeter()
    table = list(whole_step.rows(repetitions, compiled))
    load = others.load()
    print(f"{machine_line()}; load of others: {load:.1f} cores{' shared' if is_shared(load, 1) else ''}")
    print(f"A training step, adding: CPU ms, lower quartile of {repetitions} interleaved steps, 1 thread")
    print(tabulate(table, headers="keys", disable_numparse=True), end="\n\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="numbers of threads, one table each")
    parser.add_argument("--repetitions", type=int, default=20, help="timed passes of each implementation")
    parser.add_argument("--steps", type=int, default=60, help="timed training steps of each contestant")
    parser.add_argument("--compile", action="store_true", help="torch.compile too, at 32 units; it takes minutes")
    parser.add_argument("--only", choices=["passes", "steps"], help="one table of the two")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    if arguments.only != "passes":
        print_whole_steps(arguments.steps, arguments.compile)
    if arguments.only != "steps":
        print_passes(arguments.threads, arguments.repetitions)
