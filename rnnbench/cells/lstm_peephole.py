"""The LSTM with peepholes (Gers & Schmidhuber 2000), in the form of Chung et al. (2014)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State


class LstmPeephole(Cell):
    """The LSTM whose gates see the cell state through diagonal peepholes p, as Chung et al. (2014) write it.

    i = sigma(W_i x + U_i h + p_i c + b_i), f = sigma(W_f x + U_f h + p_f c + b_f), g = tanh(W_g x + U_g h + b_g),
    c' = f c + i g, o = sigma(W_o x + U_o h + p_o c' + b_o), h' = o tanh(c').

    The output gate sees the new cell state. All four of i, f, g, o have a bias, which the paper's equations leave out
    and its count needs: 36 units on 100 inputs have 4 (36 x 100 + 36 x 36 + 36) + 3 x 36 = 19,836 parameters. The
    forget gate's bias starts at `forget_bias`; None leaves it random. Peepholes start like all weights.
    """

    state_names = ("h", "c")
    keep_bias, write_bias = "W_f.bias", "W_i.bias"

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float | None = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        self.W_i, self.U_i = self.input_map(), self.recurrent_map()
        self.W_f, self.U_f = self.input_map(bias_start=forget_bias), self.recurrent_map()
        self.W_g, self.U_g = self.input_map(), self.recurrent_map()
        self.W_o, self.U_o = self.input_map(), self.recurrent_map()
        self.p_i, self.p_f, self.p_o = (self.unit_weights() for _ in range(3))

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        i = torch.sigmoid(self.W_i(x) + self.U_i(h) + self.p_i * c)
        f = torch.sigmoid(self.W_f(x) + self.U_f(h) + self.p_f * c)
        g = torch.tanh(self.W_g(x) + self.U_g(h))
        c = f * c + i * g
        o = torch.sigmoid(self.W_o(x) + self.U_o(h) + self.p_o * c)
        return (o * torch.tanh(c), c)
