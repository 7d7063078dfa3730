"""SRU, the simple recurrent unit (Lei et al. 2018)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State


class Sru(Cell):
    """f = sigma(W_f x + v_f c + b_f), r = sigma(W_r x + v_r c + b_r),
    c' = f c + (1 - f) W x, h' = r c' + (1 - r) x.

    No matrix multiplies the state, and the step does not read h. Where input and hidden size differ, the last x is
    P x, as in the released code. The paper's constant factor on it, which suits deep stacks, is left out.
    """

    state_names = ("h", "c")
    keep_bias = "W_f.bias"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_f, self.W_r, self.W = self.input_map(), self.input_map(), self.input_map(bias=False)
        self.v_f, self.v_r = self.unit_weights(), self.unit_weights()
        self.P = None if input_size == hidden_size else self.input_map(bias=False)

    def step(self, x: Tensor, state: State) -> State:
        _, c = state
        f = torch.sigmoid(self.W_f(x) + self.v_f * c)
        r = torch.sigmoid(self.W_r(x) + self.v_r * c)
        c = f * c + (1 - f) * self.W(x)
        return (r * c + (1 - r) * (x if self.P is None else self.P(x)), c)
