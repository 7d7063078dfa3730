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

from rnnbench.tasks.marked_pairs import MarkedPairsTask
from rnnbench.tasks.task import Batch


class Xor(MarkedPairsTask):
    """The xor problem with at least `length` steps, the difficulty."""

    neutral = 0.0

    @property
    def baseline_loss(self) -> float:
        return math.log(2)

    def baseline_outputs(self, batch: Batch) -> Tensor:
        return torch.zeros_like(batch.targets)

    def draw_values(self, steps: int, batch_size: int, generator: torch.Generator) -> Tensor:
        return torch.randint(0, 2, (steps, batch_size), generator=generator).float()

    def target(self, marked: Tensor) -> Tensor:
        return (marked[0] - marked[1]).abs()

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(outputs, targets.to(outputs), reduction="none").squeeze(2)

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        return batch.at_every_scored_step(((outputs > 0) == (batch.targets > 0)).squeeze(2))
