"""A task whose length is drawn anew for each batch, uniformly from a range: `task.length=1..40`.

Every batch, of training data and of held-out data, has sequences of one length, which the stream that draws the batch
draws first; the same seed gives the same lengths. Losses and what is correct are the task's. The best constant
knows the length: its loss is the mean over the lengths, each weighted by its scored steps.
"""

from collections.abc import Callable, Iterator
from functools import cached_property

import torch
from torch import Tensor

from rnnbench.tasks.task import Batch, Split, Task
from rnnbench.tasks.wrapped import WrappedTask

EXAMPLES_OF_ONE_LENGTH = 25
"""Held-out examples drawn at a time, so that an evaluation meets many lengths."""


class DrawnLengths(WrappedTask):
    """The tasks that `at` makes of the lengths `shortest` to `longest`."""

    def __init__(self, at: Callable[[int], Task], shortest: int, longest: int) -> None:
        """Raises ValueError for an empty range, and for a task that is not made for a length or has finite data."""
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
    def _baseline_loss(self) -> float | None:
        total = steps = 0.0
        for task in self.tasks.values():
            if task.baseline_loss is None:
                return None
            scored = float(task.draw(1, torch.Generator().manual_seed(0)).weights[0])
            total, steps = total + scored * task.baseline_loss, steps + scored
        return total / steps

    @property
    def baseline_loss(self) -> float | None:
        return self._baseline_loss

    def baseline_outputs(self, batch: Batch) -> Tensor | None:
        return self.by_steps[len(batch.inputs)].baseline_outputs(batch)
