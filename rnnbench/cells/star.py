"""STAR, the stackable recurrent cell (Turkoglu et al. 2021)."""

import torch
from torch import Tensor, nn

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

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """The released code's: all matrices orthogonal, the gate's bias -1, so that it keeps, and the other 0. The code
        runs with chrono biases for 784 steps instead of the -1: model.chrono_length=784."""
        for linear in (self.W_k, self.U_k, self.W_z):
            nn.init.orthogonal_(linear.weight, generator=generator)
        nn.init.constant_(self.W_k.bias, -1)
        nn.init.zeros_(self.W_z.bias)
