"""STAR, the stackable recurrent cell (Turkoglu et al. 2021)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State


class Star(Cell):
    """k = sigma(W_k x + U_k h + b_k), z = tanh(W_z x + b_z), h' = tanh((1 - k) h + k z)."""

    write_bias = "W_k.bias"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_k, self.U_k = self.input_map(), self.recurrent_map()
        self.W_z = self.input_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        k = torch.sigmoid(self.W_k(x) + self.U_k(h))
        z = torch.tanh(self.W_z(x))
        return (torch.tanh((1 - k) * h + k * z),)
