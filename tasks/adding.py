"""The adding problem: recall two marked numbers of a long sequence and give their sum.

Each step shows a value from U[0, 1] and a marker that is 1 at two steps and 0 elsewhere: one marker falls in the first
half of the sequence and one in the second. After the last step the output is to be the sum of the two marked values;
the loss is the squared error.

Source: Arjovsky, Shah & Bengio (2016), after Hochreiter & Schmidhuber (1997). Shapes: inputs (length, batch, 2) as
value and marker, one target (1, batch, 1). Predicting 1 always gives 2 Var U[0, 1] = 1/6; the 0.1767 that is sometimes
printed is a slip. Others differ: Hochreiter & Schmidhuber draw values from U[-1, 1] and vary the length
(`hochreiter_adding`); the TCN code puts the markers anywhere.

Solved: fewer than 1% of fresh sequences have |error| > 0.04 (Martens & Sutskever 2011).
"""

import torch
from torch import Tensor

from rnnbench.tasks.losses import SquaredErrorTask
from rnnbench.tasks.milestone import HALF_BASELINE, MEAN_SQUARED_ERROR, SQUARED_ERRORS
from rnnbench.tasks.task import Batch, at_least


class Adding(SquaredErrorTask):
    """The adding problem at a fixed length, the difficulty."""

    input_size = 2
    milestones = (HALF_BASELINE, MEAN_SQUARED_ERROR, SQUARED_ERRORS)

    def __init__(self, length: int = 100) -> None:
        self.length = at_least(2, "length", length, "one marker per half")

    @property
    def baseline_loss(self) -> float:
        return 1 / 6

    def baseline_outputs(self, batch: Batch) -> Tensor:
        return torch.full_like(batch.targets, 1)

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        half = self.length // 2
        values = torch.rand(self.length, batch_size, generator=generator)
        first = torch.randint(0, half, (1, batch_size), generator=generator)
        second = torch.randint(half, self.length, (1, batch_size), generator=generator)
        markers = torch.zeros_like(values).scatter_(0, torch.cat([first, second]), 1)
        total = values.gather(0, first) + values.gather(0, second)
        return Batch(torch.stack([values, markers], dim=2), total.unsqueeze(2))
