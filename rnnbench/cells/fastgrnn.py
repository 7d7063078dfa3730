"""FastGRNN (Kusupati et al. 2018)."""

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State


class Fastgrnn(Cell):
    """z = sigma(W x + U h + b_z), h' = (zeta (1 - z) + nu) tanh(W x + U h + b_h) + z h.

    Gate and candidate share W and U. zeta and nu, in (0, 1), are sigmoids of one learned number each, which start at
    `zeta_start` and `nu_start`; these and the biases, which start at 1, are the released code's. W and U have full
    rank here and are dense.
    """

    keep_bias = "b_z"

    def __init__(self, input_size: int, hidden_size: int, zeta_start: float = 1.0, nu_start: float = -4.0) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.U = self.input_map(bias=False), self.recurrent_map()
        self.b_z, self.b_h = nn.Parameter(torch.ones(hidden_size)), nn.Parameter(torch.ones(hidden_size))
        self.zeta, self.nu = nn.Parameter(torch.tensor([zeta_start])), nn.Parameter(torch.tensor([nu_start]))

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        total = self.W(x) + self.U(h)
        z = torch.sigmoid(total + self.b_z)
        candidate = torch.tanh(total + self.b_h)
        return ((torch.sigmoid(self.zeta) * (1 - z) + torch.sigmoid(self.nu)) * candidate + z * h,)

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """The released code's: W and U from N(0, 0.01), the rest as by default."""
        for linear in (self.W, self.U):
            nn.init.normal_(linear.weight, std=0.1, generator=generator)
