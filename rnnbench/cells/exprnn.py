"""expRNN, an RNN with an orthogonal recurrent matrix (Lezcano-Casado & Martinez-Rubio 2019)."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State
from rnnbench.cells.skew_symmetric import numbers_above, skew_symmetric

LARGEST_START = 0.01
"""Of the biases b, as in the released code."""


class Exprnn(Cell):
    """h' = modrelu(B h + W x), B = exp(A - A^T) and modrelu(v) = sign(v) max(|v| + b, 0).

    The exponential of a skew-symmetric matrix is orthogonal. A is zero but for the n (n - 1) / 2 numbers above its
    diagonal, its parameters. At first every other one next to the diagonal is an angle from U(-pi, pi), so that B
    rotates pairs of units (Henaff et al. 2016), and the others are 0; b is drawn from U(-0.01, 0.01). The exponential
    is taken anew at each step by the plain loop, and once per sequence by `fused`.
    """

    published_rates: ClassVar = {"A": 0.1}

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W = self.input_map(bias=False)
        self.A = nn.Parameter(torch.zeros(numbers_above(hidden_size)))
        self.b = nn.Parameter(torch.zeros(hidden_size))

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        v = self.W(x) + h @ torch.matrix_exp(skew_symmetric(self.A, self.hidden_size)).T
        return (torch.sign(v) * torch.relu(torch.abs(v) + self.b),)

    def initialise(self, generator: torch.Generator) -> None:
        super().initialise(generator)
        size = self.hidden_size
        angles = nn.init.uniform_(torch.empty(size // 2), -math.pi, math.pi, generator=generator)
        rotations = torch.zeros(size, size)
        even = 2 * torch.arange(size // 2)
        rotations[even, even + 1] = angles
        rows, columns = torch.triu_indices(size, size, 1)
        with torch.no_grad():
            self.A.copy_(rotations[rows, columns])
        nn.init.uniform_(self.b, -LARGEST_START, LARGEST_START, generator=generator)

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """The released code's: W from N(0, 2 / input) (He et al. 2015), the rest as by default. As in the code,
        A then trains at a tenth of the learning rate of the others (`published_rates`)."""
        self.initialise(generator)
        nn.init.kaiming_normal_(self.W.weight, nonlinearity="relu", generator=generator)
