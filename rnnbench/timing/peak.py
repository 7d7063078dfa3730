"""The passes timed beside a peak: what fraction of the rate of large matrix products their multiply-adds reach.

The peak is the fastest of many products of two square matrices of PEAK_SIZE by `torch.mm`, in the dtype, on the device
and with the threads of the passes, and interleaved with them in the same process: so clock, load and throttling are
those of the passes. Such a product is large enough to keep the processor's multiply-add units busy almost all the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from rnnbench.cells import Cell
from rnnbench.machine import OthersMeter
from rnnbench.probes.probe import Array
from rnnbench.timing.implementations import Pass, interleaved_seconds, synchronised, with_threads
from rnnbench.timing.torch_mm_baseline import multiply_adds

PEAK_SIZE = 1024
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
    """Cores that others used meanwhile; NaN where the system does not tell."""

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
    others = OthersMeter()
    seconds = interleaved_seconds({**passes, "peak": peak_product(cell, threads)}, repetitions, eager)
    peak = seconds.pop("peak")
    return Timings(seconds, multiply_adds(cell, steps, batch), FLOPS * PEAK_SIZE**3 / float(peak.min()), others.load())


def peak_product(cell: Cell, threads: int) -> Pass:
    """One product of two large matrices, into memory allocated before."""
    like = next(cell.parameters()).detach()
    left, right, result = (like.new_full((PEAK_SIZE, PEAK_SIZE), 0.01) for _ in range(3))
    return with_threads(threads, synchronised(lambda: torch.mm(left, right, out=result), like.device))
