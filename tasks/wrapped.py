"""A task that draws its batches in another way and is otherwise the task that it holds."""

from collections.abc import Mapping

from torch import Tensor

from rnnbench.tasks.milestone import Milestone
from rnnbench.tasks.task import Batch, StepMeasure, Task


class WrappedTask(Task):
    """Sizes, losses, criterion, measures and baseline of `task`. Derive, and say how batches are drawn."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.input_size, self.output_size, self.vocabulary = task.input_size, task.output_size, task.vocabulary
        self.confirmation_examples, self.solved_error_rate = task.confirmation_examples, task.solved_error_rate

    @property
    def baseline_loss(self) -> float | None:
        return self.task.baseline_loss

    def baseline_outputs(self, batch: Batch) -> Tensor | None:
        return self.task.baseline_outputs(batch)

    @property
    def own_milestones(self) -> tuple[Milestone, ...]:
        return self.task.own_milestones

    @property
    def own_measures(self) -> tuple[str, ...]:
        return self.task.own_measures

    def at_length(self, length: int) -> Task | None:
        return self.task.at_length(length)

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.task.step_losses(outputs, targets)

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor | None:
        return self.task.correct(outputs, batch)

    def solved(self, loss: float, error_rate: float) -> bool:
        return self.task.solved(loss, error_rate)

    def measures(self, outputs: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        return self.task.measures(outputs, batch)

    def measure_steps(self, outputs: Tensor, batch: Batch) -> Mapping[str, StepMeasure]:
        return self.task.measure_steps(outputs, batch)


def innermost(task: Task) -> Task:
    """The task itself, without what wraps it."""
    return innermost(task.task) if isinstance(task, WrappedTask) else task
