"""The LSTM with coupled input and forget gates (Greff et al. 2017, CIFG)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State


class LstmCifg(Cell):
    """The LSTM with i = 1 - f: what is let in is what is forgotten. Three blocks, as the GRU has.

    f = sigma(W_f x + U_f h + b_f), o = sigma(W_o x + U_o h + b_o), g = tanh(W_g x + U_g h + b_g),
    c' = f c + (1 - f) g, h' = o tanh(c').

    Greff et al. learn i and set f = 1 - i, the same family, and keep peepholes, left out here. The forget gate's bias
    starts at `forget_bias`; None leaves it random.
    """

    state_names = ("h", "c")
    keep_bias = "W_f.bias"

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float | None = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        self.W_f, self.U_f = self.input_map(bias_start=forget_bias), self.recurrent_map()
        self.W_g, self.U_g = self.input_map(), self.recurrent_map()
        self.W_o, self.U_o = self.input_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        f = torch.sigmoid(self.W_f(x) + self.U_f(h))
        g = torch.tanh(self.W_g(x) + self.U_g(h))
        o = torch.sigmoid(self.W_o(x) + self.U_o(h))
        c = f * c + (1 - f) * g
        return (o * torch.tanh(c), c)
