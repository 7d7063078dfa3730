"""Tasks that draw their batches in another way and are otherwise the task that they hold."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor

from rnnbench.tasks.finite_task import FiniteTask, Part
from rnnbench.tasks.milestone import Milestone
from rnnbench.tasks.task import Batch, Split, Task

EXAMPLES_OF_ONE_LENGTH = 25
"""Held-out examples drawn at a time, so that an evaluation meets many lengths."""

DRAWN_AT_A_TIME = 1000

OF_THE_TASK = (
    "input_size", "output_size", "vocabulary", "confirmation_examples", "solved_error_rate", "solved", "correct",
    "measures", "measure_steps", "at_length",
)  # fmt: skip
"""Values and methods that are the wrapped task's own."""


class WrappedTask(Task):
    """Sizes, losses, criterion, measures and baseline of `task`. Derive, and say how batches are drawn."""

    def __init__(self, task: Task) -> None:
        self.task = task
        for name in OF_THE_TASK:
            setattr(self, name, getattr(task, name))

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

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.task.step_losses(outputs, targets)


class DrawnLengths(WrappedTask):
    """A task whose length is drawn anew for each batch, uniformly from a range: `task.length=1..40`.

    The stream that draws a batch, of training or held-out data, draws the length of its sequences first. `at` makes the
    task of a length. The best constant knows the length: its loss is the mean over the lengths, each weighted by its
    scored steps. Raises ValueError for an empty range, and for a task not made for a length or with finite data.
    """

    def __init__(self, at: Callable[[int], Task], shortest: int, longest: int) -> None:
        if not 1 <= shortest <= longest:
            raise ValueError(f"length={shortest}..{longest}: must go from at least 1 upwards")
        self.shortest, self.longest = shortest, longest
        self.tasks = {length: at(length) for length in range(shortest, longest + 1)}
        super().__init__(task := self.tasks[longest])
        if task.difficulty != "length" or task.batches_per_epoch(1) is not None:
            raise ValueError(f"length={shortest}..{longest}: must be one number for {type(task).__name__}")
        self.by_steps: dict[int, Task] = {}
        """The tasks of the batches drawn so far, by their steps."""

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        length = int(torch.randint(self.shortest, self.longest + 1, (), generator=generator))
        batch = self.tasks[length].draw(batch_size, generator)
        self.by_steps[len(batch.inputs)] = self.tasks[length]
        return batch

    def probe_batch(self, batch_size: int, generator: torch.Generator) -> Batch:
        """A batch of the longest length, so that runs of all seeds measure the same."""
        return self.task.draw(batch_size, generator)

    def evaluation_batches(
        self, split: Split, size: int, batch_size: int, generator: torch.Generator
    ) -> Iterator[Batch]:
        yield from super().evaluation_batches(split, size, min(batch_size, EXAMPLES_OF_ONE_LENGTH), generator)

    @cached_property
    def baseline_loss(self) -> float | None:
        total = steps = 0.0
        for task in self.tasks.values():
            if task.baseline_loss is None:
                return None
            scored = float(task.draw(1, torch.Generator().manual_seed(0)).weights[0])
            total, steps = total + scored * task.baseline_loss, steps + scored
        return total / steps

    def baseline_outputs(self, batch: Batch) -> Tensor | None:
        return self.by_steps[len(batch.inputs)].baseline_outputs(batch)


class FixedExamples(WrappedTask, FiniteTask):
    """A training set of fixed size, drawn once from the seed and gone through in epochs: `train.examples=10000`.

    Held-out data are the task's, drawn fresh. Raises ValueError for a task whose data are finite already, and for one
    that draws a length per batch.
    """

    def __init__(self, task: Task, examples: int, seed: int) -> None:
        super().__init__(task)
        if isinstance(task, WrappedTask):
            raise ValueError(f"examples={examples}: must be null where a length is drawn for each batch")
        if task.batches_per_epoch(1) is not None:
            raise ValueError(f"examples={examples}: must be null for {type(task).__name__}, whose data are finite")
        self.size, self.seed = examples, seed

    @cached_property
    def training_set(self) -> Batch:
        """All training examples."""
        generator = torch.Generator().manual_seed(self.seed)
        starts = range(0, self.size, DRAWN_AT_A_TIME)
        drawn = [vars(self.task.draw(min(DRAWN_AT_A_TIME, self.size - start), generator)) for start in starts]
        held = {name: tensor for name, tensor in drawn[0].items() if tensor is not None}
        return Batch(**{name: torch.cat([each[name] for each in drawn], min(1, held[name].dim() - 1)) for name in held})

    def split_size(self, split: Part) -> int:
        """Of the training data, the only ones that are finite."""
        return self.size

    def examples(self, split: Part, chosen: Sequence[int]) -> Batch:
        """Those chosen of the training data."""
        index = torch.tensor(chosen)
        held = {name: tensor for name, tensor in vars(self.training_set).items() if tensor is not None}
        return Batch(**{name: tensor.index_select(min(1, tensor.dim() - 1), index) for name, tensor in held.items()})

    def evaluation_batches(
        self, split: Split, size: int, batch_size: int, generator: torch.Generator
    ) -> Iterator[Batch]:
        return self.task.evaluation_batches(split, size, batch_size, generator)


def innermost(task: Task) -> Task:
    """The task itself, without what wraps it."""
    return innermost(task.task) if isinstance(task, WrappedTask) else task
