"""The adding problem of 1997: recall two marked numbers of a sequence of unknown length and give their scaled sum.

The sequences are those of `marked_pairs`, of length to 1.1 length steps, with values from U[-1, 1] and 0 as the neutral
value. After the last step the output, through a logistic function, is to be 0.5 + (X1 + X2)/4, X1 and X2 being the
marked values; the loss is the squared error.

Source: Hochreiter & Schmidhuber (1997), experiment 4, at lengths 100, 500 and 1000. Shapes: inputs (1.1 length, batch,
2) as value and marker, padded with zeros; targets (0.1 length + 1, batch, 1), of which each example's last real step
counts. Predicting 1/2 always gives Var(X1 + X2)/16 = (2 - p)/48, p being the fraction of sequences with a mark on
the first pair, which sets one of the two to 0. The paper's error is half of the squared error, so that half of its
learning rate does the same. Others differ: see `adding`.

Solved, as in the paper: every error is below 0.04, which is 4% of the target's range of 1, and the mean squared error
below 0.01. The paper asks it of the last 2000 training sequences; here fewer than one in 2000 held-out sequences may
miss.
"""

import torch
from torch import Tensor

from rnnbench.tasks.losses import SquaredErrorTask
from rnnbench.tasks.marked_pairs import MarkedPairsTask
from rnnbench.tasks.milestone import HALF_BASELINE, MEAN_SQUARED_ERROR, SQUARED_ERRORS
from rnnbench.tasks.task import Batch


class HochreiterAdding(SquaredErrorTask, MarkedPairsTask):
    """The adding problem of 1997 with at least `length` steps, the difficulty."""

    neutral = 0.0
    solved_error_rate = 1 / 2000
    solved_loss = 0.01
    milestones = (HALF_BASELINE, MEAN_SQUARED_ERROR, SQUARED_ERRORS)

    @property
    def baseline_loss(self) -> float:
        return (2 - self.first_pair_marked) / 48

    def baseline_outputs(self, batch: Batch) -> Tensor:
        return torch.zeros_like(batch.targets)

    def predicted(self, outputs: Tensor) -> Tensor:
        return torch.sigmoid(outputs)

    def draw_values(self, steps: int, batch_size: int, generator: torch.Generator) -> Tensor:
        return torch.rand(steps, batch_size, generator=generator) * 2 - 1

    def target(self, marked: Tensor) -> Tensor:
        return 0.5 + marked.sum(0) / 4

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        errors = self.predicted(outputs) - batch.targets
        return batch.at_every_scored_step(errors.abs().squeeze(2) < self.tolerated_error)
