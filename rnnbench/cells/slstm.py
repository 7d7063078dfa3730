"""sLSTM, the LSTM with exponential gates of the xLSTM (Beck et al. 2024)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnbench.cells.cell import Cell, State

NOTHING_WRITTEN = -1e4
"""The stabiliser's start, below every logarithm of a gate, so that the first step writes at full strength."""


class Slstm(Cell):
    """An exponential input gate, a sum n of what was written to divide by, and a stabiliser m, in one head:

    z = tanh(W_z x + U_z h + b_z), i = exp(i~), f = sigma(f~), o = sigma(W_o x + U_o h + b_o),
    c' = f c + i z, n' = f n + i, h' = o c' / n',

    with f~ = W_f x + U_f h + b_f and i~ = W_i x + U_i h. c and n are kept divided by exp(m), m' = max(ln f + m, i~),
    which changes no h. A bias of i~, which the released code has, would cancel in c' / n'. The paper allows exp for f
    too; sigma is the code's. Blocks of several heads, convolutions and normalisations around the cell are left out.
    """

    state_names = ("h", "c", "n", "m")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_z, self.U_z = self.input_map(), self.recurrent_map()
        self.W_i, self.U_i = self.input_map(bias=False), self.recurrent_map()
        self.W_f, self.U_f = self.input_map(), self.recurrent_map()
        self.W_o, self.U_o = self.input_map(), self.recurrent_map()

    def initial_state(self, batch_size: int) -> State:
        h, c, n, m = super().initial_state(batch_size)
        return h, c, n, m + NOTHING_WRITTEN

    def step(self, x: Tensor, state: State) -> State:
        h, c, n, m = state
        z = torch.tanh(self.W_z(x) + self.U_z(h))
        log_i = self.W_i(x) + self.U_i(h)
        log_f = functional.logsigmoid(self.W_f(x) + self.U_f(h))
        o = torch.sigmoid(self.W_o(x) + self.U_o(h))
        new_m = torch.maximum(log_f + m, log_i)
        f, i = torch.exp(log_f + m - new_m), torch.exp(log_i - new_m)
        c = f * c + i * z
        n = f * n + i
        return o * c / n, c, n, new_m

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """The released code's: recurrent matrices 0, input matrices from N(0, 2 / (5 input)), forget biases
        5 - 12 (k / (hidden - 1))^0.3 for unit k, other biases 0."""
        for input_map in (self.W_z, self.W_i, self.W_f, self.W_o):
            nn.init.normal_(input_map.weight, std=(2 / (5 * self.input_size)) ** 0.5, generator=generator)
        for zero in (self.U_z.weight, self.U_i.weight, self.U_f.weight, self.U_o.weight, self.W_z.bias, self.W_o.bias):
            nn.init.zeros_(zero)
        with torch.no_grad():
            self.W_f.bias.copy_(5 - 12 * torch.linspace(0, 1, self.hidden_size) ** 0.3)
