"""The passes timed beside a peak: what fraction of the rate of large matrix products their multiply-adds reach.

The peak is the rate of the fastest of many products of two square matrices by `torch.mm`, each timed by itself, in the
dtype, on the device and with the threads of the passes, and interleaved with them in the same process. The smaller size
takes a millisecond on a CPU, so that some escape other work on a busy machine; the larger one occupies more threads.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from rnnbench.cells import Cell
from rnnbench.machine import ExternalLoadMeter
from rnnbench.probes.probe import Array
from rnnbench.timing.implementations import Pass, interleaved_seconds, synchronised, with_threads
from rnnbench.timing.torch_mm_baseline import multiply_adds

PEAK_PRODUCTS = {384: 8, 1024: 1}
"""How many products of matrices of each size, every time that the passes are timed."""
FLOPS = 2
"""Operations that a multiply-add counts for."""


@dataclass(frozen=True)
class Timings:
    """What was timed, the peak beside it and the load meanwhile."""

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


def time_beside_peak(
    cell: Cell, passes: Mapping[str, Pass], steps: int, batch: int, threads: int, repetitions: int, eager: int
) -> Timings:
    """Time the passes over a batch of sequences, and the peak among them. `eager`: the eager loop's repetitions."""
    others, peak = ExternalLoadMeter(), Peak(cell)
    passes = {**passes, "peak": with_threads(threads, peak.measure)}
    seconds = interleaved_seconds(passes, repetitions, eager)
    del seconds["peak"]
    return Timings(seconds, multiply_adds(cell, steps, batch), peak.flops, others.load())


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
