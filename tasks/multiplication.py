"""The multiplication problem: recall two marked numbers of a long sequence and give their product.

The sequences are those of `marked_pairs`, of length to 1.1 length steps, with values from U[0, 1] and 1 as the neutral
value. After the last step the output is to be the product of the two marked values; the loss is the squared error.

Source: Hochreiter & Schmidhuber (1997), experiment 5, and Martens & Sutskever (2011), who use their generator. Shapes:
inputs (1.1 length, batch, 2) as value and marker, padded with zeros; targets (0.1 length + 1, batch, 1), of which each
example's last real step counts. The best constant is the product's variance: with p the fraction of sequences
with a mark on the first pair, where the target is a single value, the mean is (1 + p)/4 and the mean square (1 + 2p)/9.
Others differ: Martens & Sutskever's code puts the marks into [T/100, T/10) and [T/10, T/2); Pascanu et al.'s has no
marker -1.

Solved: fewer than 1% of fresh sequences have |error| > 0.04 (Martens & Sutskever 2011; 13 of 2000 in the 1997 paper).
"""

import torch
from torch import Tensor

from rnnbench.tasks.losses import SquaredErrorTask
from rnnbench.tasks.marked_pairs import MarkedPairsTask
from rnnbench.tasks.task import Batch


class Multiplication(SquaredErrorTask, MarkedPairsTask):
    """The multiplication problem with at least `length` steps, the difficulty."""

    neutral = 1.0

    @property
    def baseline_loss(self) -> float:
        return (1 + 2 * self.first_pair_marked) / 9 - self._mean_product**2

    @property
    def _mean_product(self) -> float:
        return (1 + self.first_pair_marked) / 4

    def baseline_outputs(self, batch: Batch) -> Tensor:
        return torch.full_like(batch.targets, self._mean_product)

    def draw_values(self, steps: int, batch_size: int, generator: torch.Generator) -> Tensor:
        return torch.rand(steps, batch_size, generator=generator)

    def target(self, marked: Tensor) -> Tensor:
        return marked.prod(0)
