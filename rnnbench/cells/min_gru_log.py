"""minGRU in the form that is scanned in log space (Feng et al. 2024)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import State
from rnnbench.cells.min_gru import MinGru


class MinGruLog(MinGru):
    """The minimal GRU with a positive candidate, which makes the logarithm of its state a sum of logarithms:

    z = sigma(W_z x + b_z), n = g(W_n x + b_n), h' = (1 - z) h + z n, g(v) = v + 1/2 for v >= 0 and sigma(v) below.

    The paper computes log h' by a parallel scan; a step gives the same numbers. h starts at g(0) = 1/2, as in its
    listing.
    """

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        z = torch.sigmoid(self.W_z(x))
        v = self.W_n(x)
        n = torch.where(v >= 0, v + 0.5, torch.sigmoid(v))
        return ((1 - z) * h + z * n,)

    def initial_state(self, batch_size: int) -> State:
        return (self.zeros(batch_size, self.hidden_size) + 0.5,)
