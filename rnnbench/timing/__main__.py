"""`python -m rnnbench.timing`: the tables of `make bench`."""

import argparse
from itertools import product
from typing import Any

import pandas as pd
import torch
from tabulate import tabulate

from rnnbench.analysis.speed import speeds
from rnnbench.analysis.variant import Variant
from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.machine import ExternalLoadMeter, cpu_limit, is_shared, logical_cores, processor
from rnnbench.model import Model
from rnnbench.tasks import Batch
from rnnbench.tasks.adding import Adding
from rnnbench.timing import whole_step
from rnnbench.timing.speed import Speed

SIZES = ((100, 20, 10, 128), (200, 64, 10, 128), (200, 64, 2, 64), (100, 50, 10, 32))
"""Steps, batch, inputs and units."""
CELLS: tuple[type[Cell], ...] = (Rnn, Gru, GruTorch, Lstm)


def passes(family: type[Cell], steps: int, batch: int, inputs: int, units: int, repetitions: int) -> pd.DataFrame:
    """One row per implementation: what the probe `speed` measures of the cell."""
    generator = torch.Generator().manual_seed(0)
    model = Model(family, input_size=inputs, output_size=1, hidden_size=units, threads=1, generator=generator)
    sequences = Batch(torch.zeros(steps, batch, inputs), torch.zeros(1, batch, 1))
    run: dict[str, Any] = {
        "task": "noise", "difficulty_setting": "length", "difficulty": steps, "cell": family.__name__, "seed": 0,
        "variant": Variant(), "threads": 1, "train.batch_size": batch, "model.hidden_size": units,
    }  # fmt: skip
    table = speeds(pd.DataFrame([run | dict(Speed(repetitions).measure(model, Adding(steps), sequences).scalars)]))
    return pd.DataFrame({
        "cell": table["cell"],
        "T, B, input, H": f"{steps}, {batch}, {inputs}, {units}",
        "implementation": table["implementation"],
        "best ms": 1e3 * table["best_s"],
        "quartiles ms": [", ".join(f"{1e3 * each:.2f}" for each in quartiles) for quartiles in table["pass_s"]],
        "rate / torch.mm": table["fraction_of_peak"],
        "time / torch.mm loop": table["time_over_torch_mm"],
        "speed-up over torch.nn": table["speedup_over_torch_nn"],
        "torch.mm GFLOP/s": table["peak_gflops"],
        "load of others (cores)": table["cpu_load"],
        "machine": ["shared" if shared is True else "" for shared in table["times_shared"]],
    })  # fmt: skip


def machine_line() -> str:
    """The processor, and how much of it there is for this process."""
    limit = cpu_limit()
    limited = "" if limit is None else f", {limit:g} of them allowed"
    return f"{processor()}; {logical_cores()} logical cores{limited}; torch {torch.__version__}"


def print_passes(repetitions: int) -> None:
    """Print the table of passes."""
    table = pd.concat([passes(family, *sizes, repetitions) for sizes, family in product(SIZES, CELLS)])
    print(f"{machine_line()}\n\nForward and backward, float32, 1 thread, {repetitions} interleaved repetitions")
    print(table.to_string(index=False, float_format="{:.2f}".format))


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
    parser.add_argument("--repetitions", type=int, default=20, help="timed passes of each implementation")
    parser.add_argument("--steps", type=int, default=60, help="timed training steps of each contestant")
    parser.add_argument("--compile", action="store_true", help="torch.compile too, at 32 units; it takes minutes")
    parser.add_argument("--only", choices=["passes", "steps"], help="one table of the two")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    if arguments.only != "passes":
        print_whole_steps(arguments.steps, arguments.compile)
    if arguments.only != "steps":
        print_passes(arguments.repetitions)
