"""LEM, long expressive memory (Rusch et al. 2022)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State


class Lem(Cell):
    """Two state tensors with step sizes that are learned, h the output (the paper's y) and z:

    d = dt sigma(W_1 x + U_1 h + b_1), e = dt sigma(W_2 x + U_2 h + b_2),
    z' = (1 - d) z + d tanh(W_z x + U_z h + b_z), h' = (1 - e) h + e tanh(W_h x + U_h z' + b_h).
    """

    state_names = ("h", "z")

    def __init__(self, input_size: int, hidden_size: int, dt: float = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        if not 0 < dt <= 1:
            raise ValueError(f"dt={dt}: must be above 0 and at most 1 (the largest step size)")
        self.dt = dt
        self.W_1, self.U_1 = self.input_map(), self.recurrent_map()
        self.W_2, self.U_2 = self.input_map(), self.recurrent_map()
        self.W_z, self.U_z = self.input_map(), self.recurrent_map()
        self.W_h, self.U_h = self.input_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        h, z = state
        d = self.dt * torch.sigmoid(self.W_1(x) + self.U_1(h))
        e = self.dt * torch.sigmoid(self.W_2(x) + self.U_2(h))
        z = (1 - d) * z + d * torch.tanh(self.W_z(x) + self.U_z(h))
        return ((1 - e) * h + e * torch.tanh(self.W_h(x) + self.U_h(z)), z)

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """The released code's, which is the default; it has a second bias with each of W's, drawn alike."""
        self.initialise(generator)
