"""The GRU of torch.nn and cuDNN: the reset gate after the recurrent product (Cho et al. 2014, first version)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State, TorchEquivalent


class GruTorch(Cell):
    """torch.nn.GRU's equations and its two biases per gate; z weights the old state.

    r = sigma(W_r x + b_r + U_r h + c_r), z = sigma(W_z x + b_z + U_z h + c_z),
    n = tanh(W_n x + b_n + r (U_n h + c_n)), h' = (1 - z) n + z h.
    """

    keep_bias, added_bias = "W_z.bias", "U_z.bias"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_r, self.U_r = self.input_map(), self.recurrent_map(bias=True)
        self.W_z, self.U_z = self.input_map(), self.recurrent_map(bias=True)
        self.W_n, self.U_n = self.input_map(), self.recurrent_map(bias=True)

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        r = torch.sigmoid(self.W_r(x) + self.U_r(h))
        z = torch.sigmoid(self.W_z(x) + self.U_z(h))
        n = torch.tanh(self.W_n(x) + r * self.U_n(h))
        return ((1 - z) * n + z * h,)

    def torch_equivalent(self) -> TorchEquivalent:
        return TorchEquivalent(torch.gru, (self.W_r, self.W_z, self.W_n), (self.U_r, self.U_z, self.U_n))
