"""The GRU with the reset gate before the recurrent product (Chung et al. 2014; notes 000 and 003)."""

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State


class Gru(Cell):
    """The GRU of Chung et al. (2014), with one matrix for the input and one for the state per gate.

    r = sigma(W_r x + U_r h + b_r), z = sigma(W_z x + U_z h + b_z), n = tanh(W_n x + U_n (r h) + b_n),
    h' = (1 - z) h + z n.

    The reset gate multiplies the state before U_n; in torch.nn.GRU it multiplies the product (`gru_torch`). Other codes
    weight the old state with z, as `gru_goodfellow` does: negating W_z, U_z and b_z turns one form into the other.
    `bias` False leaves out b (note 003).
    """

    nearest_torch_module = nn.GRU
    write_bias = "W_z.bias"

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size)
        self.W_r, self.U_r = self.input_map(bias), self.recurrent_map()
        self.W_z, self.U_z = self.input_map(bias), self.recurrent_map()
        self.W_n, self.U_n = self.input_map(bias), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        r = torch.sigmoid(self.W_r(x) + self.U_r(h))
        z = torch.sigmoid(self.W_z(x) + self.U_z(h))
        n = torch.tanh(self.W_n(x) + self.U_n(r * h))
        return ((1 - z) * h + z * n,)
