"""UGRNN, the update gate RNN (Collins et al. 2017)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State


class Ugrnn(Cell):
    """g = sigma(W_g x + U_g h + b_g), h' = g h + (1 - g) tanh(W x + U h + b).

    b_g starts at `gate_bias`, so that the cell remembers at first; None leaves it random.
    """

    keep_bias = "W_g.bias"

    def __init__(self, input_size: int, hidden_size: int, gate_bias: float | None = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        self.W_g, self.U_g = self.input_map(bias_start=gate_bias), self.recurrent_map()
        self.W, self.U = self.input_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        g = torch.sigmoid(self.W_g(x) + self.U_g(h))
        return (g * h + (1 - g) * torch.tanh(self.W(x) + self.U(h)),)
