"""nBRC, the recurrently neuromodulated bistable cell (Vecoven et al. 2021)."""

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State


class Nbrc(Cell):
    """a = 1 + tanh(W_a x + U_a h), c = sigma(W_c x + U_c h), h' = c h + (1 - c) tanh(W x + a h).

    A unit with a > 1 is bistable. There is no bias, as in the paper; the released code adds one to a and
    to c, which starts at 0.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_a, self.U_a = self.input_map(bias=False), self.recurrent_map()
        self.W_c, self.U_c = self.input_map(bias=False), self.recurrent_map()
        self.W = self.input_map(bias=False)

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        a = 1 + torch.tanh(self.W_a(x) + self.U_a(h))
        c = torch.sigmoid(self.W_c(x) + self.U_c(h))
        return (c * h + (1 - c) * torch.tanh(self.W(x) + a * h),)

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """The released code's: every matrix from U(-a, a), a = sqrt(6 / (rows + columns)) (Glorot & Bengio 2010)."""
        for linear in (self.W_a, self.U_a, self.W_c, self.U_c, self.W):
            nn.init.xavier_uniform_(linear.weight, generator=generator)
