"""Time of a cell's forward and backward pass by each backend, by torch.nn and of its matrix products alone."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field

from rnnbench.model import Model
from rnnbench.probes.probe import Measurement, Probe
from rnnbench.schema import Column
from rnnbench.tasks import Batch, Task
from rnnbench.timing.implementations import IMPLEMENTATIONS, OF_AN_LSTM, implementations
from rnnbench.timing.measure import FLOPS, PEAK_PRODUCTS, multiply_adds, time_with_peak

SIZES = " or ".join(map(str, PEAK_PRODUCTS))


class Speed(Probe):
    """Times forward and backward pass of the first layer's cell, once, before training; no readout, no optimizer.

    The sequences are noise, as many and as long as a training batch's. The `repetitions` of all implementations are
    interleaved in this process, so that ratios between their medians hold on a noisy machine too; so is the peak. The
    number of threads and the flushing of denormals are the run's. With 0 repetitions nothing is timed. `compiled`: the
    eager loop by torch.compile too.
    """

    columns: ClassVar[Mapping[str, Column]] = {
        "pass_steps": Column("length of the sequences in the timed passes", "steps"),
        "pass_input_size": Column("features per step in the timed passes"),
        "pass_multiply_adds": Column(
            "multiply-adds in the matrix products of a forward and backward pass: forward, for the gradients of the "
            "state and for those of the matrices; empty where `step` cannot be traced"
        ),
        "pass_cpu_load": Column(
            "cores that others used, on average while the passes were timed; empty where the system does not tell",
            "cores",
        ),
        "peak_gflops": Column(
            f"the rate of the fastest torch.mm of two square matrices of {SIZES} in the dtype and with the threads "
            "of the passes, interleaved with them; two operations to a multiply-add",
            "GFLOP/s",
        ),
        **{
            f"pass_{name}{suffix}_s": Column(
                f"{words} forward and backward pass of {what}; empty where none applies", "s"
            )
            for name, what in IMPLEMENTATIONS.items()
            for suffix, words in (
                ("", "median"),
                ("_best", "fastest"),
                ("_lower_quartile", "lower quartile of a"),
                ("_upper_quartile", "upper quartile of a"),
            )
        },
        **{
            f"pass_{name}_fraction_of_peak": Column(
                f"2 pass_multiply_adds / (pass_{name}_best_s x peak), the peak in operations per second"
            )
            for name in IMPLEMENTATIONS
            if name not in OF_AN_LSTM
        },
    }

    def __init__(
        self,
        repetitions: Annotated[int, Field(ge=0)] = 20,
        eager_repetitions: Annotated[int, Field(ge=1)] = 5,
        compiled: bool = False,
    ) -> None:
        super().__init__()
        self.repetitions = repetitions
        self.eager_repetitions = eager_repetitions
        self.compiled = compiled

    def due(self, step: int, last: bool) -> bool:
        return step == 0 and self.repetitions > 0

    def measure(self, model: Model, task: Task, batch: Batch) -> Measurement:
        steps, examples = batch.inputs.shape[:2]
        cell = model.cells[0]
        threads = model.backend.threads
        passes = implementations(cell, steps, examples, threads, self.compiled)
        like, multiplied = next(cell.parameters()).detach(), multiply_adds(cell, steps, examples)
        seconds, peak, load = time_with_peak(like, passes, threads, self.repetitions, self.eager_repetitions)
        torch.set_num_threads(model.backend.torch_threads)
        scalars: dict[str, float | None] = {
            "pass_steps": steps,
            "pass_input_size": cell.input_size,
            "pass_multiply_adds": multiplied,
            "pass_cpu_load": None if math.isnan(load) else load,
            "peak_gflops": peak / 1e9,
        }
        for name, values in seconds.items():
            best, lower, median, upper = np.quantile(values, [0, 0.25, 0.5, 0.75])
            scalars |= {
                f"pass_{name}_s": median,
                f"pass_{name}_best_s": best,
                f"pass_{name}_lower_quartile_s": lower,
                f"pass_{name}_upper_quartile_s": upper,
            }
            if name not in OF_AN_LSTM and multiplied is not None:
                scalars[f"pass_{name}_fraction_of_peak"] = FLOPS * multiplied / best / peak
        return Measurement({name: value for name, value in scalars.items() if value is not None})
