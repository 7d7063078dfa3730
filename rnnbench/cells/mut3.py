"""MUT3, the third of three cells found by evolution (Jozefowicz, Zaremba & Sutskever 2015)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State


class Mut3(Cell):
    """A GRU whose update gate sees the state through a tanh.

    z = sigma(W_z x + U_z tanh(h) + b_z), r = sigma(W_r x + U_r h + b_r), n = tanh(U_n (r h) + W_n x + b_n),
    h' = z n + (1 - z) h.
    """

    write_bias = "W_z.bias"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_z, self.U_z = self.input_map(), self.recurrent_map()
        self.W_r, self.U_r = self.input_map(), self.recurrent_map()
        self.W_n, self.U_n = self.input_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        z = torch.sigmoid(self.W_z(x) + self.U_z(torch.tanh(h)))
        r = torch.sigmoid(self.W_r(x) + self.U_r(h))
        n = torch.tanh(self.U_n(r * h) + self.W_n(x))
        return (z * n + (1 - z) * h,)
