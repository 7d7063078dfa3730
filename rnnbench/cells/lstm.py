"""The LSTM with a forget gate and no peepholes (Hochreiter & Schmidhuber 1997; Gers et al. 2000)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State, TorchEquivalent


class Lstm(Cell):
    """The LSTM as in torch.nn.LSTM, with one bias per gate.

    i = sigma(W_i x + U_i h + b_i), f = sigma(W_f x + U_f h + b_f), o = sigma(W_o x + U_o h + b_o),
    g = tanh(W_g x + U_g h + b_g), c' = f c + i g, h' = o tanh(c').

    The forget gate's bias starts at `forget_bias`; 1 is what Jozefowicz et al. (2015) recommend. None leaves it random.
    """

    state_names = ("h", "c")
    keep_bias, write_bias = "W_f.bias", "W_i.bias"

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float | None = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        self.W_i, self.U_i = self.input_map(), self.recurrent_map()
        self.W_f, self.U_f = self.input_map(bias_start=forget_bias), self.recurrent_map()
        self.W_g, self.U_g = self.input_map(), self.recurrent_map()
        self.W_o, self.U_o = self.input_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        i = torch.sigmoid(self.W_i(x) + self.U_i(h))
        f = torch.sigmoid(self.W_f(x) + self.U_f(h))
        g = torch.tanh(self.W_g(x) + self.U_g(h))
        o = torch.sigmoid(self.W_o(x) + self.U_o(h))
        c = f * c + i * g
        return (o * torch.tanh(c), c)

    def torch_equivalent(self) -> TorchEquivalent:
        return TorchEquivalent(
            torch.lstm, (self.W_i, self.W_f, self.W_g, self.W_o), (self.U_i, self.U_f, self.U_g, self.U_o)
        )
