"""IndRNN, the recurrent network of independent units (Li et al. 2018)."""

from typing import Literal

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import ACTIVATIONS, Cell, State


class Indrnn(Cell):
    """h' = phi(W x + u h + b), with one recurrent weight u per unit instead of a matrix, and phi = relu or tanh.

    u starts in U(0, 1), the paper's U(0, 2^(1/T)) for long sequences. The paper also clips |u| to 2^(1/T) after every
    update and starts the last layer's u near 1; here training is left free and all layers start alike.
    """

    def __init__(self, input_size: int, hidden_size: int, activation: Literal["relu", "tanh"] = "relu") -> None:
        super().__init__(input_size, hidden_size)
        self.phi = ACTIVATIONS[activation]
        self.W = self.input_map()
        self.u = self.unit_weights()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (self.phi(self.W(x) + self.u * h),)

    def initialise(self, generator: torch.Generator) -> None:
        super().initialise(generator)
        nn.init.uniform_(self.u, 0, 1, generator=generator)
