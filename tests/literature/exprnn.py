"""expRNN, an RNN with an orthogonal recurrent matrix (Lezcano-Casado & Martinez-Rubio 2019)."""

import math

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State


class Exprnn(Cell):
    """h' = modrelu(h B + W x), B = exp(A - A^T) and modrelu(v) = sign(v) max(|v| + b, 0).

    The matrix exponential of a skew-symmetric matrix is orthogonal. A is zero outside its upper triangle and starts
    with angles from U(-pi, pi) beside the diagonal, so that B starts with rotations of pairs of units (Henaff et al.
    2016); b starts at 0.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W = self.input_map(bias=False)
        self.A = nn.Parameter(torch.zeros(hidden_size, hidden_size))
        self.b = nn.Parameter(torch.zeros(hidden_size))

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        upper = self.A.triu(1)
        v = self.W(x) + h @ torch.matrix_exp(upper - upper.T)
        return (torch.sign(v) * torch.relu(v.abs() + self.b),)

    def initialise(self, generator: torch.Generator) -> None:
        super().initialise(generator)
        nn.init.zeros_(self.b)
        nn.init.zeros_(self.A)
        angles = nn.init.uniform_(torch.empty(self.hidden_size // 2), -math.pi, math.pi, generator=generator)
        with torch.no_grad():
            for pair, angle in enumerate(angles):
                self.A[2 * pair, 2 * pair + 1] = angle
