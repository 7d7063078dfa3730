"""SRU, the simple recurrent unit (Lei et al. 2018)."""

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State


class Sru(Cell):
    """f = sigma(W_f x + v_f c + b_f), r = sigma(W_r x + v_r c + b_r),
    c' = f c + (1 - f) W x, h' = r c' + (1 - r) W_h x.

    No matrix multiplies the state. W_h stands for the paper's highway connection, since x and h differ in width.
    """

    state_names = ("h", "c")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_f, self.W_r = self.input_map(), self.input_map()
        self.W, self.W_h = self.input_map(bias=False), self.input_map(bias=False)
        self.v_f, self.v_r = nn.Parameter(torch.zeros(hidden_size)), nn.Parameter(torch.zeros(hidden_size))

    def step(self, x: Tensor, state: State) -> State:
        _, c = state
        f = torch.sigmoid(self.W_f(x) + self.v_f * c)
        r = torch.sigmoid(self.W_r(x) + self.v_r * c)
        c = f * c + (1 - f) * self.W(x)
        return (r * c + (1 - r) * self.W_h(x), c)
