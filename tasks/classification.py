"""Tasks whose targets are classes: the cross-entropy and what counts as correct."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from rnnbench.tasks.task import Batch, StepMeasure, Task


class ClassificationTask(Task):
    """A task with one class per scored step. Derive and define the draw.

    The loss is the cross-entropy in nats between the softmax of the outputs and the target class. An example is correct
    when the largest output is the target's at every scored step.
    """

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(outputs.transpose(1, 2), targets, reduction="none")

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        return batch.at_every_scored_step(outputs.argmax(2) == batch.targets)

    def accuracy(self, outputs: Tensor, batch: Batch) -> StepMeasure:
        """The fraction of scored steps whose class is right, for tasks that name it among their `step_measures`."""
        return StepMeasure((outputs.argmax(2) == batch.targets).to(outputs))

    def guess_among(self, classes: Sequence[int], batch: Batch) -> Tensor:
        """Outputs that hold these classes equally likely at every scored step, and all others impossible."""
        logits = torch.full((self.output_size,), -torch.inf, device=batch.inputs.device)
        logits[list(classes)] = 0
        return logits.expand(*batch.targets.shape, self.output_size)
