"""MUT2, the second of three cells found by evolution (Jozefowicz, Zaremba & Sutskever 2015)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State


class Mut2(Cell):
    """A GRU whose reset gate takes the bare input.

    z = sigma(W_z x + U_z h + b_z), r = sigma(x + U_r h + b_r), n = tanh(U_n (r h) + W_n x + b_n), h' = z n + (1 - z) h.

    A bare x needs as many inputs as units. Where the sizes differ, x there is P x, with P (hidden, input) and no bias,
    which adds its entries to the parameter count.
    """

    write_bias = "W_z.bias"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_z, self.U_z = self.input_map(), self.recurrent_map()
        self.U_r = self.recurrent_map(bias=True)
        self.W_n, self.U_n = self.input_map(), self.recurrent_map()
        self.P = None if input_size == hidden_size else self.input_map(bias=False)

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        z = torch.sigmoid(self.W_z(x) + self.U_z(h))
        bare_x = x if self.P is None else self.P(x)
        r = torch.sigmoid(bare_x + self.U_r(h))
        n = torch.tanh(self.U_n(r * h) + self.W_n(x))
        return (z * n + (1 - z) * h,)
