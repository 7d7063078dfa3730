"""Tasks on finite data: shuffled epochs for training, whole splits for evaluation."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Literal

import torch

from rnnbench.tasks.task import Batch, Split, Task

Part = Literal["training"] | Split
"""A split of finite data."""


class FiniteTask(Task):
    """A task whose examples are given. Derive, and say how many there are and how to batch some of them."""

    @abstractmethod
    def split_size(self, split: Part) -> int:
        """How many examples the split has."""

    @abstractmethod
    def examples(self, split: Part, chosen: Sequence[int]) -> Batch:
        """The chosen examples of the split, in that order."""

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        """Draw training examples with replacement."""
        chosen = torch.randint(0, self.split_size("training"), (batch_size,), generator=generator)
        return self.examples("training", chosen.tolist())

    def batches_per_epoch(self, batch_size: int) -> int:
        return math.ceil(self.split_size("training") / batch_size)

    def training_batches(self, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        """The training split over and over, shuffled anew each time; the last batch of an epoch may be smaller."""
        size = self.split_size("training")
        while True:
            order = torch.randperm(size, generator=generator).tolist()
            for start in range(0, size, batch_size):
                yield self.examples("training", order[start : start + batch_size])

    def evaluation_batches(
        self, split: Split, size: int, batch_size: int, generator: torch.Generator
    ) -> Iterator[Batch]:
        """The whole split in its own order; `size` and the generator are not used."""
        held_out = range(self.split_size(split))
        for start in range(0, len(held_out), batch_size):
            yield self.examples(split, held_out[start : start + batch_size])
