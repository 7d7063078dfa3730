"""Time of a cell's forward and backward pass by each backend, by torch.nn and of its matrix products alone."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field

from rnnbench.model import Model
from rnnbench.probes.probe import Measurement, Probe
from rnnbench.schema import Column
from rnnbench.timing.implementations import IMPLEMENTATIONS, implementations, interleaved_seconds
from tasks import Batch, Task


class Speed(Probe):
    """Times forward and backward pass of the first layer's cell, once, before training; no readout, no optimizer.

    The sequences are noise, as many and as long as a training batch's. The `repetitions` of all implementations are
    interleaved in this process, so that ratios between their medians hold on a noisy machine too; the number of threads
    and the flushing of denormals are the run's. With 0 repetitions nothing is timed.
    """

    columns: ClassVar[Mapping[str, Column]] = {
        "pass_steps": Column("length of the sequences in the timed passes", "steps"),
        "pass_input_size": Column("features per step in the timed passes"),
        **{
            f"pass_{name}{suffix}_s": Column(
                f"{words} forward and backward pass of {what}; empty where none applies", "s"
            )
            for name, what in IMPLEMENTATIONS.items()
            for suffix, words in (
                ("", "median"),
                ("_lower_quartile", "lower quartile of a"),
                ("_upper_quartile", "upper quartile of a"),
            )
        },
    }

    def __init__(
        self, repetitions: Annotated[int, Field(ge=0)] = 20, eager_repetitions: Annotated[int, Field(ge=1)] = 5
    ) -> None:
        super().__init__()
        self.repetitions = repetitions
        self.eager_repetitions = eager_repetitions

    def due(self, step: int, last: bool) -> bool:
        return step == 0 and self.repetitions > 0

    def measure(self, model: Model, task: Task, batch: Batch) -> Measurement:
        steps, examples, _ = batch.inputs.shape
        cell = model.cells[0]
        threads = model.backend.threads
        passes = implementations(cell, steps, examples, threads)
        seconds = interleaved_seconds(passes, self.repetitions, self.eager_repetitions)
        torch.set_num_threads(model.backend.torch_threads)
        scalars: dict[str, float] = {"pass_steps": steps, "pass_input_size": cell.input_size}
        for name, values in seconds.items():
            lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75])
            scalars |= {
                f"pass_{name}_s": median,
                f"pass_{name}_lower_quartile_s": lower,
                f"pass_{name}_upper_quartile_s": upper,
            }
        return Measurement(scalars)
