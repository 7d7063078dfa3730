"""Temporal order of 1997: one logistic output for each order of two or three rare symbols, trained on squared errors.

The sequences are those of `ordered_markers`. At the last real step the output of the order that came is to be 1, the
others 0; the loss is the sum of the squared errors of all outputs, each through a logistic function.

Source: Hochreiter & Schmidhuber (1997), experiments 6a and 6b. Their error is half of this sum, so that half of their
learning rate does the same. The best constant puts every output at one in K = 2^markers, with the loss 1 - 1/K.

Solved, as in the paper: the error of every output is below 0.3, and the mean loss below 0.1. The paper asks it of the
last 2000 training sequences; here fewer than one in 2000 held-out sequences may miss.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from rnnbench.tasks.ordered_markers import OrderedMarkersTask
from rnnbench.tasks.task import Batch


class HochreiterOrder(OrderedMarkersTask):
    """Temporal order of 1997 with two or three markers in at least `length` steps, the difficulty."""

    tolerated_error = 0.3
    solved_error_rate = 1 / 2000
    solved_loss = 0.1

    @property
    def baseline_loss(self) -> float:
        return 1 - 1 / self.output_size

    def baseline_outputs(self, batch: Batch) -> Tensor:
        logit = -math.log(self.output_size - 1)
        return torch.full((*batch.targets.shape, self.output_size), logit, device=batch.inputs.device)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The error of each output (scored time, batch, output), between -1 and 1."""
        return torch.sigmoid(outputs) - functional.one_hot(targets, self.output_size)

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.errors(outputs, targets).square().sum(2)

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        return batch.at_every_scored_step(self.errors(outputs, batch.targets).abs().amax(2) < self.tolerated_error)
