"""The adding problem: recall two marked numbers of a long sequence and give their sum.

Each step shows a value from U[0, 1] and a marker that is 1 at two steps and 0 elsewhere: one marker falls in the first
half of the sequence and one in the second. After the last step the output is to be the sum of the two marked values;
the loss is the squared error.

Source: Arjovsky, Shah & Bengio (2016), after Hochreiter & Schmidhuber (1997). Shapes: inputs (length, batch, 2) as
value and marker, one target (1, batch, 1). The best constant, 1, gives 2 Var U[0, 1] = 1/6; the 0.1767 that is
sometimes printed is a slip. The best predictor without memory sees the last step, which has the second marker with
chance 1/(length - length // 2), and gets 1/6 less a twelfth of that chance: 0.1583 at length 20, 0.1633 at 50. Others
differ: Hochreiter & Schmidhuber draw values from U[-1, 1] and vary the length (`hochreiter_adding`); the TCN code puts
the markers anywhere.

Solved: fewer than 1% of fresh sequences have |error| > 0.04 (Martens & Sutskever 2011): 2% of the sum's range, which is
2. It is strict: Hochreiter & Schmidhuber's 0.04 is on a target of range 1, 0.08 here.
"""

import torch
from torch import Tensor

from rnnbench.tasks.losses import SquaredErrorTask
from rnnbench.tasks.milestone import HALF_BASELINE, MEAN_SQUARED_ERROR, SQUARED_ERRORS
from rnnbench.tasks.task import Batch, at_least


class Adding(SquaredErrorTask):
    """The adding problem at a fixed length, the difficulty."""

    input_size = 2
    target_range = 2.0
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
