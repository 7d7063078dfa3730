"""Passes timed interleaved in one process, and what fraction of the rate of large matrix products they reach.

The peak is the rate of the fastest of many products of two square matrices by `torch.mm`, each timed by itself, in the
dtype, on the device and with the threads of the passes, and interleaved with them. The smaller size is so short that
some escape other work on a busy machine; the larger one occupies more threads.
"""

import gc
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnnbench.backends.fused.frontend.trace import trace
from rnnbench.backends.fused.ir.graph import UnsupportedStepError
from rnnbench.backends.fused.ir.nodes import Input
from rnnbench.backends.fused.ir.schedule import make_schedule
from rnnbench.cells import Cell
from rnnbench.machine import ExternalLoadMeter
from rnnbench.probes.probe import Array

Pass = Callable[[], object]
"""One forward and backward pass."""

PEAK_PRODUCTS = {384: 8, 1024: 1}
"""How many products of matrices of each size, every time that the passes are timed."""
FLOPS = 2
"""Operations that a multiply-add counts for."""


class _Source(NamedTuple):
    """What linear maps of a step multiply: its width, and how many features all maps of it have together."""

    width: int
    features: int
    is_recurrent: bool


def _sources(cell: Cell) -> list[_Source] | None:
    try:
        schedule = make_schedule(trace(cell)[0], cell.state_names)
    except UnsupportedStepError:
        return None
    graph, features = schedule.graph, Counter[int]()
    for linear in schedule.linears:
        features[schedule.source(linear)] += graph.width(linear)
    return [
        _Source(graph.width(source), count, not isinstance(graph.nodes[source], Input))
        for source, count in features.items()
    ]


def multiply_adds(cell: Cell, steps: int, batch: int) -> int | None:
    """The multiplications, each with an addition, in the matrix products of one forward and backward pass.

    A matrix that multiplies the state counts three times in every step: forward, for the gradient of the state and for
    its own; one that multiplies the input twice. None where `step` cannot be traced.
    """
    if (sources := _sources(cell)) is None:
        return None
    return steps * batch * sum(each.features * each.width * (3 if each.is_recurrent else 2) for each in sources)


def torch_mm_baseline(cell: Cell, steps: int, batch: int) -> Callable[[], None] | None:
    """A function that does the products of one forward and backward pass; None where `step` cannot be traced.

    In each step those of the state with the recurrent matrices, and backward those of the gradients with the same. Once
    for all steps together: the products of the inputs, and those that make the gradients of the matrices. Matrices that
    multiply the same tensor are stacked into one; all results go to memory allocated before. It is a yardstick, no
    bound: an implementation with faster products of its own can take less time.
    """
    if (sources := _sources(cell)) is None:
        return None
    ones = next(cell.parameters()).detach().new_ones(steps, batch, 1)
    matrices = [ones.new_full((each.features, each.width), 0.01) for each in sources]
    operands, results = ([ones.repeat(1, 1, each[which]) for each in sources] for which in (0, 1))
    recurrent, of_input = (
        [place for place, each in enumerate(sources) if each.is_recurrent == which] for which in (True, False)
    )
    of_matrices, of_operands = [matrix.clone() for matrix in matrices], [operand[0].clone() for operand in operands]

    def run() -> None:
        with torch.no_grad():
            for each in of_input:
                torch.mm(operands[each].flatten(0, 1), matrices[each].t(), out=results[each].flatten(0, 1))
            for step in range(steps):
                for each in recurrent:
                    torch.mm(operands[each][step], matrices[each].t(), out=results[each][step])
            for step in reversed(range(steps)):
                for each in recurrent:
                    torch.mm(results[each][step], matrices[each], out=of_operands[each])
            for operand, result, gradient in zip(operands, results, of_matrices, strict=True):
                torch.mm(result.flatten(0, 1).t(), operand.flatten(0, 1), out=gradient)

    return run


def time_with_peak(
    like: Tensor, passes: Mapping[str, Pass], threads: int, repetitions: int, eager: int
) -> tuple[dict[str, Array], float, float]:
    """Seconds of every repetition by implementation, the peak among them, and the load meanwhile.

    The peak is in operations per second, of products `like` the tensor; the load in cores that other processes used,
    NaN where the system does not report it. `eager`: the eager loop's repetitions.
    """
    others, of_products = ExternalLoadMeter(), [0.0]
    products = {size: _product(like, size, threads) for size in PEAK_PRODUCTS}

    def peak() -> None:
        for size, count in PEAK_PRODUCTS.items():
            for _ in range(count):
                started = time.perf_counter()
                products[size]()
                of_products.append(FLOPS * size**3 / (time.perf_counter() - started))

    seconds = interleaved_seconds({**passes, "peak": peak}, repetitions, eager)
    del seconds["peak"]
    return seconds, max(of_products), others.load()


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


def _product(like: Tensor, size: int, threads: int) -> Pass:
    """A product of two square matrices, into memory allocated before."""
    left, right, result = (like.new_full((size, size), 0.01) for _ in range(3))
    return whole_pass(lambda: torch.mm(left, right, out=result), threads, like.device)


def whole_pass(run: Pass, torch_threads: int, device: torch.device) -> Pass:
    """The pass with this many threads of torch's and with its end waited for, which a GPU's call does not."""

    def run_to_the_end() -> None:
        torch.set_num_threads(torch_threads)
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return run_to_the_end
