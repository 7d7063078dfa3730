"""Hochreiter & Schmidhuber's sequences of marked pairs, which adding, multiplication and xor share.

Every step shows a pair: a value and a marker. One of the first ten pairs is marked with 1, then one of the first
length/2 - 1 still unmarked pairs; the first and the last pair have the marker -1 and all others 0. Where a mark falls
on the first pair, its marker stays -1 and its value is set to the task's neutral element, so that the values marked
with 1 alone still give the target. Sequences have length to length + length/10 pairs, all equally likely, and are
padded with zeros.

Source: Hochreiter & Schmidhuber (1997), sections 5.4 and 5.5. Where the text is ambiguous: the first length/2 - 1 still
unmarked pairs are counted among the unmarked, so the second mark may fall on pair length/2, which gives the paper's
minimal lag of length/2; and the neutral value replaces whichever of the two marked values is the first pair's.
Divisions of odd lengths round down.
"""

from abc import abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnbench.tasks.task import Batch, Task, at_least

FIRST_WINDOW = 10


class MarkedPairsTask(Task):
    """A task on marked pairs with at least `length` steps, the difficulty.

    Derive, and say how values are drawn, which value is neutral, and what the target is. The output at each example's
    last real step is scored.
    """

    input_size = 2
    output_size = 1
    neutral: ClassVar[float]
    """The value that leaves the target to the other marked value alone."""

    def __init__(self, length: int = 100) -> None:
        self.length = at_least(2 * FIRST_WINDOW, "length", length, "the first ten pairs in the first half")

    @abstractmethod
    def draw_values(self, steps: int, batch_size: int, generator: torch.Generator) -> Float[Tensor, "time batch"]:
        """Draw the value of every pair."""

    @abstractmethod
    def target(self, marked: Float[Tensor, "2 batch"]) -> Float[Tensor, " batch"]:
        """What the two marked values ask for."""

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        steps = self.length + self.length // 10
        values = self.draw_values(steps, batch_size, generator)
        lengths = torch.randint(self.length, steps + 1, (batch_size,), generator=generator)
        first = torch.randint(0, FIRST_WINDOW, (1, batch_size), generator=generator)
        second = torch.randint(0, self.length // 2 - 1, (1, batch_size), generator=generator)
        marked = torch.cat([first, second + (second >= first)])

        values[0] = values[0].where((marked > 0).all(0), self.neutral)
        markers = torch.zeros_like(values).scatter_(0, marked, 1)
        markers[0] = -1
        markers.scatter_(0, lengths.unsqueeze(0) - 1, -1)
        real = torch.arange(steps).unsqueeze(1) < lengths
        pairs = torch.stack([values, markers], dim=2) * real.unsqueeze(2)
        target = self.target(values.gather(0, marked))
        return Batch.scored_at_ends(pairs, target.unsqueeze(1), lengths, self.length)

    @property
    def first_pair_marked(self) -> float:
        """The fraction of sequences with a mark on the first pair: 1/10 by the first mark, the rest by the second."""
        by_first = 1 / FIRST_WINDOW
        return by_first + (1 - by_first) / (self.length // 2 - 1)
