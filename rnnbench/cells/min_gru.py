"""minGRU, the GRU whose gates see only the input (Feng et al. 2024)."""

import math

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State


class MinGru(Cell):
    """The minimal GRU, run step by step.

    z = sigma(W_z x + b_z), n = W_n x + b_n, h' = (1 - z) h + z n.

    No reset gate, no tanh and no recurrent matrix, so the paper trains it by a parallel scan; a step gives the same
    numbers. Its form for the scan in log space is `MinGruLog`.
    """

    write_bias = "W_z.bias"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_z = self.input_map()
        self.W_n = self.input_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        z = torch.sigmoid(self.W_z(x))
        return ((1 - z) * h + z * self.W_n(x),)

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """As the paper's listings, made of torch.nn.Linear: weights and biases from U(-a, a), a = 1 / sqrt(input)."""
        self.draw_uniform(1 / math.sqrt(self.input_size), generator)
