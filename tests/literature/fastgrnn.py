"""FastGRNN (Kusupati et al. 2018)."""

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State


class Fastgrnn(Cell):
    """z = sigma(W x + U h + b_z), h' = (zeta (1 - z) + nu) tanh(W x + U h + b_h) + z h.

    Gate and candidate share W and U. zeta and nu are learned numbers in (0, 1), sigmoids of parameters that start at
    `zeta_start` and `nu_start`, as in the released code.
    """

    def __init__(self, input_size: int, hidden_size: int, zeta_start: float = 1.0, nu_start: float = -4.0) -> None:
        super().__init__(input_size, hidden_size)
        self.zeta_start, self.nu_start = zeta_start, nu_start
        self.W, self.U = self.input_map(bias=False), self.recurrent_map()
        self.b_z, self.b_h = nn.Parameter(torch.zeros(hidden_size)), nn.Parameter(torch.zeros(hidden_size))
        self.zeta, self.nu = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        total = self.W(x) + self.U(h)
        z = torch.sigmoid(total + self.b_z)
        candidate = torch.tanh(total + self.b_h)
        return ((torch.sigmoid(self.zeta) * (1 - z) + torch.sigmoid(self.nu)) * candidate + z * h,)

    def initialise(self, generator: torch.Generator) -> None:
        super().initialise(generator)
        nn.init.constant_(self.zeta, self.zeta_start)
        nn.init.constant_(self.nu, self.nu_start)
