"""The GRU with the reset gate before the recurrent product (Chung et al. 2014; note 000)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State


class Gru(Cell):
    """The GRU of Chung et al. (2014), with biases; z is the share of the new.

    r = sigma(W_r x + U_r h + b_r), z = sigma(W_z x + U_z h + b_z),
    n = tanh(W_n x + U_n (r h) + b_n), h' = (1 - z) h + z n.

    The reset gate multiplies the state before U_n; in torch.nn.GRU it multiplies the product (`gru_torch`).
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_r, self.U_r = self.input_map(), self.recurrent_map()
        self.W_z, self.U_z = self.input_map(), self.recurrent_map()
        self.W_n, self.U_n = self.input_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        r = torch.sigmoid(self.W_r(x) + self.U_r(h))
        z = torch.sigmoid(self.W_z(x) + self.U_z(h))
        n = torch.tanh(self.W_n(x) + self.U_n(r * h))
        return ((1 - z) * h + z * n,)
