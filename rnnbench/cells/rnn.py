"""The vanilla recurrent network (Elman, 1990)."""

from typing import Literal

import torch
from torch import Tensor

from rnnbench.cells.cell import ACTIVATIONS, Cell, State, TorchEquivalent


class Rnn(Cell):
    """h' = phi(W x + U h + b), with phi = tanh, or relu as in the IRNN of Le et al. (2015)."""

    def __init__(self, input_size: int, hidden_size: int, activation: Literal["tanh", "relu"] = "tanh") -> None:
        super().__init__(input_size, hidden_size)
        self.activation = activation
        self.phi = ACTIVATIONS[activation]
        self.W = self.input_map()
        self.U = self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (self.phi(self.W(x) + self.U(h)),)

    def torch_equivalent(self) -> TorchEquivalent | None:
        kernel = torch.rnn_tanh if self.activation == "tanh" else torch.rnn_relu
        return TorchEquivalent(kernel, (self.W,), (self.U,))
