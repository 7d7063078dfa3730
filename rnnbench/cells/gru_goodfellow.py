"""The GRU as Goodfellow, Bengio & Courville (2016) print it in equations 10.45 to 10.47 (note 004)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import State
from rnnbench.cells.gru import Gru


class GruGoodfellow(Gru):
    """The GRU of equation 10.45: a sigmoid candidate, and an update gate z that weights the old state.

    r = sigma(W_r x + U_r h + b_r), z = sigma(W_z x + U_z h + b_z), n = sigma(W_n x + U_n (r h) + b_n),
    h' = z h + (1 - z) n.

    Against `gru`, the sigmoid in place of tanh is what changes the function; z in place of 1 - z only renames it.
    `bias` False leaves out b.
    """

    keep_bias, write_bias = "W_z.bias", ""

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        r = torch.sigmoid(self.W_r(x) + self.U_r(h))
        z = torch.sigmoid(self.W_z(x) + self.U_z(h))
        n = torch.sigmoid(self.W_n(x) + self.U_n(r * h))
        return (z * h + (1 - z) * n,)
