"""MGU, the minimal gated unit (Zhou et al. 2016)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State


class Mgu(Cell):
    """f = sigma(W_f x + U_f h + b_f), h' = (1 - f) h + f tanh(W x + U (f h) + b).

    A GRU whose reset and update gates are one.
    """

    write_bias = "W_f.bias"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_f, self.U_f = self.input_map(), self.recurrent_map()
        self.W, self.U = self.input_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        f = torch.sigmoid(self.W_f(x) + self.U_f(h))
        return ((1 - f) * h + f * torch.tanh(self.W(x) + self.U(f * h)),)
