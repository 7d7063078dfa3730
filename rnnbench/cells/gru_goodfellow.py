"""The GRU as Goodfellow, Bengio & Courville (2016) print it in equations 10.45 to 10.47 (note 004)."""

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State


class GruGoodfellow(Cell):
    """The GRU of equation 10.45: a sigmoid candidate, and an update gate z that weights the old state.

    r = sigma(W_r x + U_r h + b_r), z = sigma(W_z x + U_z h + b_z), n = sigma(W_n x + U_n (r h) + b_n),
    h' = z h + (1 - z) n.

    Against `gru`, the sigmoid in place of tanh is what changes the function; z in place of 1 - z only renames it.
    `bias` False leaves out b.
    """

    nearest_torch_module = nn.GRU
    keep_bias = "W_z.bias"

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size)
        self.W_r, self.U_r = self.input_map(bias), self.recurrent_map()
        self.W_z, self.U_z = self.input_map(bias), self.recurrent_map()
        self.W_n, self.U_n = self.input_map(bias), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        r = torch.sigmoid(self.W_r(x) + self.U_r(h))
        z = torch.sigmoid(self.W_z(x) + self.U_z(h))
        n = torch.sigmoid(self.W_n(x) + self.U_n(r * h))
        return (z * h + (1 - z) * n,)
