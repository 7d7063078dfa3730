"""Tasks by the kind of their targets: classes, or one number."""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from rnnbench.tasks.milestone import (
    HALF_BASELINE,
    LARGE_SQUARED_ERROR,
    RECALL_ERROR,
    SQUARED_ERROR,
    SQUARED_ERRORS,
    Milestone,
)
from rnnbench.tasks.task import Batch, StepMeasure, Task


class ClassificationTask(Task):
    """A task with one class per scored step. Derive and define the draw.

    The loss is the cross-entropy in nats between the softmax of the outputs and the target class. An example is correct
    when the largest output is the target's at every scored step. Where some classes are equally likely for who sees no
    input, name them in `guesses`: the baseline is the logarithm of their number.
    """

    guesses: Sequence[int] = ()

    @property
    def baseline_loss(self) -> float | None:
        return math.log(len(self.guesses)) if self.guesses else None

    def baseline_outputs(self, batch: Batch) -> Tensor | None:
        return self.guess_among(self.guesses, batch) if self.guesses else None

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(outputs.transpose(1, 2), targets, reduction="none")

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        return batch.at_every_scored_step(outputs.argmax(2) == batch.targets)

    def accuracy(self, outputs: Tensor, batch: Batch) -> StepMeasure:
        """The fraction of scored steps whose class is right."""
        return StepMeasure((outputs.argmax(2) == batch.targets).to(outputs))

    def measure_steps(self, outputs: Tensor, batch: Batch) -> dict[str, StepMeasure]:
        """The accuracy, for tasks that name it among their `step_measures`; others define what they name."""
        return {name: self.accuracy(outputs, batch) for name in self.own_measures if name == "accuracy"}

    def recall_error(self, outputs: Tensor, batch: Batch, steps: int) -> dict[str, Tensor]:
        """The fraction of wrong classes in the last `steps` steps, which the milestone RECALL needs."""
        return {RECALL_ERROR: (outputs[-steps:].argmax(2) != batch.targets[-steps:]).float().mean(0)}

    def guess_among(self, classes: Sequence[int], batch: Batch) -> Tensor:
        """Outputs that hold these classes equally likely at every scored step, and all others impossible."""
        logits = torch.full((self.output_size,), -torch.inf, device=batch.inputs.device)
        logits[list(classes)] = 0
        return logits.expand(*batch.targets.shape, self.output_size)


class SquaredErrorTask(Task):
    """A task with one number as the target. Derive and define the draw.

    The loss is the squared error. An example is correct when |error| is at most 0.04 at every scored step (Martens &
    Sutskever 2011).
    """

    output_size = 1
    tolerated_error: ClassVar[float] = 0.04
    target_range: ClassVar[float] = 1.0
    """Largest minus smallest possible target."""
    milestones: ClassVar[tuple[Milestone, ...]] = (HALF_BASELINE, SQUARED_ERRORS)

    def predicted(self, outputs: Tensor) -> Tensor:
        """The numbers that the outputs stand for; by default themselves."""
        return outputs

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.mse_loss(self.predicted(outputs), targets, reduction="none").squeeze(2)

    def mean_loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        if batch.scored is None:  # one operation in place of three, forward and backward
            return functional.mse_loss(self.predicted(outputs), batch.targets)
        return super().mean_loss(outputs, batch)

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        errors = self.predicted(outputs) - batch.targets
        return batch.at_every_scored_step(errors.abs().squeeze(2) <= self.tolerated_error)

    def measures(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        near = self.step_losses(outputs, batch.targets) <= SQUARED_ERROR * self.target_range**2
        return {LARGE_SQUARED_ERROR: (~batch.at_every_scored_step(near)).float()}
