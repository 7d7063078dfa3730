"""Passes timed interleaved in one process, and what fraction of the rate of large matrix products they reach.

The peak is the rate of the fastest of many products of two square matrices by `torch.mm`, each timed by itself, in the
dtype, on the device and with the threads of the passes, and interleaved with them. The smaller size takes a millisecond
on a CPU, so that some escape other work on a busy machine; the larger one occupies more threads.
"""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from rnnbench.cells import Cell
from rnnbench.machine import ExternalLoadMeter
from rnnbench.probes.probe import Array
from rnnbench.timing.torch_mm_baseline import multiply_adds

Pass = Callable[[], object]
"""One forward and backward pass."""

PEAK_PRODUCTS = {384: 8, 1024: 1}
"""How many products of matrices of each size, every time that the passes are timed."""
FLOPS = 2
"""Operations that a multiply-add counts for."""


@dataclass(frozen=True)
class Timings:
    """What was timed, with the peak and the load meanwhile."""

    seconds: Mapping[str, Array]
    """Of every repetition, by implementation."""
    multiply_adds: int | None
    """Of one forward and backward pass of the cell; None where its `step` cannot be traced."""
    peak_flops: float
    """Operations per second."""
    cpu_load: float
    """Cores that other processes used meanwhile; NaN where the system does not report it."""

    def best(self, name: str) -> float:
        """Seconds of the fastest repetition."""
        return float(self.seconds[name].min())

    def fraction_of_peak(self, name: str) -> float | None:
        """Of the fastest repetition, an implementation of the cell."""
        if self.multiply_adds is None:
            return None
        return FLOPS * self.multiply_adds / self.best(name) / self.peak_flops


def time_with_peak(
    cell: Cell, passes: Mapping[str, Pass], steps: int, batch: int, threads: int, repetitions: int, eager: int
) -> Timings:
    """Time the passes over a batch of sequences, and the peak among them. `eager`: the eager loop's repetitions."""
    others, peak = ExternalLoadMeter(), Peak(cell)
    seconds = interleaved_seconds({**passes, "peak": with_threads(threads, peak.measure)}, repetitions, eager)
    del seconds["peak"]
    return Timings(seconds, multiply_adds(cell, steps, batch), peak.flops, others.load())


def interleaved_seconds(
    passes: Mapping[str, Pass],
    repetitions: int,
    eager_repetitions: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Array]:
    """Seconds by the clock of every repetition by implementation, after two untimed ones.

    Each repetition runs all implementations, in an order drawn from a fixed seed, and each of them twice, of which the
    second is timed: so none is timed with the caches and the waiting threads that another has left. The eager loop,
    often ten times as slow as the others, has fewer repetitions. The garbage collector is off meanwhile.
    """
    seconds: dict[str, list[float]] = {name: [] for name in passes}
    generator = np.random.default_rng(0)
    collects = gc.isenabled()
    gc.disable()
    try:
        for repetition in range(-2, repetitions):
            for name in generator.permutation(list(passes)).tolist():
                if name == "eager" and repetition >= eager_repetitions:
                    continue
                passes[name]()
                started = clock()
                passes[name]()
                if repetition >= 0:
                    seconds[name].append(clock() - started)
    finally:
        if collects:
            gc.enable()
    return {name: np.array(values) for name, values in seconds.items()}


class Peak:
    """The fastest product so far, in operations per second."""

    def __init__(self, cell: Cell) -> None:
        self.flops = 0.0
        like = next(cell.parameters()).detach()
        self.products = {size: _product(like, size) for size in PEAK_PRODUCTS}

    def measure(self) -> None:
        """Time each product by itself."""
        for size, count in PEAK_PRODUCTS.items():
            for _ in range(count):
                started = time.perf_counter()
                self.products[size]()
                self.flops = max(self.flops, FLOPS * size**3 / (time.perf_counter() - started))


def _product(like: torch.Tensor, size: int) -> Pass:
    """A product of two square matrices, into memory allocated before."""
    left, right, result = (like.new_full((size, size), 0.01) for _ in range(3))
    return synchronised(lambda: torch.mm(left, right, out=result), like.device)


def with_threads(torch_threads: int, run: Pass) -> Pass:
    """The pass with this many threads of torch's."""

    def run_with_threads() -> None:
        torch.set_num_threads(torch_threads)
        run()

    return run_with_threads


def synchronised(run: Pass, device: torch.device) -> Pass:
    """The pass with its end waited for, which a GPU's call does not."""
    if device.type != "cuda":
        return run

    def run_to_the_end() -> None:
        run()
        torch.cuda.synchronize(device)

    return run_to_the_end
