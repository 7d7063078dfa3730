"""The xor problem: recall two marked bits of a long sequence and say whether they differ.

The sequences are those of `marked_pairs`, of length to 1.1 length steps, with values 0 or 1 and 0 as the neutral value.
After the last step the output is the logit of the two marked bits' exclusive or; the loss is the cross-entropy in nats.
Either bit alone says nothing about the target, which makes this the hardest of the family.

Source: Martens & Sutskever (2011), with the sequences of Hochreiter & Schmidhuber (1997). Shapes: inputs (1.1 length,
batch, 2) as bit and marker, padded with zeros; targets (0.1 length + 1, batch, 1), of which each example's last real
step counts. The target is a fair bit: ln 2. Others differ: Martens & Sutskever's code puts the marks into [T/50, T/5)
and [3T/10, T/2) at T = 50.

Solved: fewer than 1% of fresh sequences have the wrong sign (Martens & Sutskever 2011).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from tasks.marked_pairs import check_length, draw_marked_pairs
from tasks.task import Batch, Task


class Xor(Task):
    """The xor problem with at least `length` steps, the difficulty."""

    input_size = 2
    output_size = 1

    def __init__(self, length: int = 100) -> None:
        check_length(length)
        self.length = length

    @property
    def trivial_score(self) -> float:
        return math.log(2)

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        def bits(steps: int, batch: int) -> Tensor:
            return torch.randint(0, 2, (steps, batch), generator=generator).float()

        pairs, marked, lengths = draw_marked_pairs(bits, 0.0, self.length, batch_size, generator)
        return Batch.scored_at_ends(pairs, (marked[0] - marked[1]).abs().unsqueeze(1), lengths, self.length)

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(outputs, targets.to(outputs), reduction="none").squeeze(2)

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        right = ((outputs > 0) == (batch.targets > 0)).squeeze(2)
        return batch.right_throughout(right)
