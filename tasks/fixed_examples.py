"""A task on a training set of fixed size, drawn once: `train.examples=10000`.

The training data are this many examples of the task, gone through in epochs, shuffled anew each time. Validation, test
and confirmation stay fresh examples of the task, drawn from streams of their own.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

import torch

from rnnbench.tasks.finite_task import FiniteTask, Part
from rnnbench.tasks.task import Batch, Split, Task
from rnnbench.tasks.wrapped import WrappedTask

DRAWN_AT_A_TIME = 1000


class FixedExamples(WrappedTask, FiniteTask):
    """This many training examples of the task, drawn from a generator with the seed; held-out data are the task's."""

    def __init__(self, task: Task, examples: int, seed: int) -> None:
        """Raises ValueError for a task whose data are finite already, and for one that draws a length per batch."""
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
