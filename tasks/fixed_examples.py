"""A task on a training set of fixed size, drawn once: `train.examples=10000`.

The training data are this many examples of the task, gone through in epochs, shuffled anew each time. Validation, test
and confirmation stay fresh examples of the task, drawn from streams of their own.
"""

import math
from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

from rnnbench.tasks.task import Batch, Split, Task
from rnnbench.tasks.wrapped import WrappedTask

DRAWN_AT_A_TIME = 1000


class FixedExamples(WrappedTask):
    """`examples` training examples of the task, drawn from a generator with the seed."""

    def __init__(self, task: Task, examples: int, seed: int) -> None:
        """Raises ValueError for a task whose data are finite already, and for one that draws a length per batch."""
        super().__init__(task)
        if isinstance(task, WrappedTask):
            raise ValueError(f"examples={examples}: must be null where a length is drawn for each batch")
        if task.batches_per_epoch(1) is not None:
            raise ValueError(f"examples={examples}: must be null for {type(task).__name__}, whose data are finite")
        self.examples, self.seed = examples, seed

    @cached_property
    def training_set(self) -> Batch:
        """All training examples."""
        generator = torch.Generator().manual_seed(self.seed)
        starts = range(0, self.examples, DRAWN_AT_A_TIME)
        return joined([self.task.draw(min(DRAWN_AT_A_TIME, self.examples - start), generator) for start in starts])

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        """Draw training examples with replacement."""
        return chosen(self.training_set, torch.randint(0, self.examples, (batch_size,), generator=generator))

    def batches_per_epoch(self, batch_size: int) -> int:
        return math.ceil(self.examples / batch_size)

    def training_batches(self, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        """The training set over and over, shuffled anew each time; the last batch of an epoch may be smaller."""
        while True:
            for some in torch.randperm(self.examples, generator=generator).split(batch_size):
                yield chosen(self.training_set, some)

    def evaluation_batches(
        self, split: Split, size: int, batch_size: int, generator: torch.Generator
    ) -> Iterator[Batch]:
        return self.task.evaluation_batches(split, size, batch_size, generator)


def joined(batches: list[Batch]) -> Batch:
    """The examples of batches that have the same steps."""

    def together(name: str, dimension: int) -> Tensor | None:
        parts = [getattr(batch, name) for batch in batches]
        return None if parts[0] is None else torch.cat(parts, dimension)

    inputs, targets = together("inputs", 1), together("targets", 1)
    assert inputs is not None
    assert targets is not None
    return Batch(inputs, targets, together("scored", 1), together("lengths", 0))


def chosen(batch: Batch, examples: Tensor) -> Batch:
    """Some of a batch's examples."""
    scored, lengths = batch.scored, batch.lengths
    return Batch(
        batch.inputs[:, examples],
        batch.targets[:, examples],
        None if scored is None else scored[:, examples],
        None if lengths is None else lengths[examples],
    )
