"""The GRU written with one matrix per gate on the concatenation of state and input (notes 001 and 002)."""

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State


class GruConcat(Cell):
    """The equations of `Gru` with its matrices side by side, W = [U, W_x], acting on [h, x].

    r = sigma(W_r [h, x] + b_r), z = sigma(W_z [h, x] + b_z), n = tanh(W_n [r h, x] + b_n), h' = (1 - z) h + z n.

    The same functions and the same parameter count as `Gru`; only the storage differs. `bias` False drops b (note 002).
    """

    nearest_torch_module = nn.GRU
    write_bias = "W_z.bias"

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size)
        self.W_r = nn.Linear(hidden_size + input_size, hidden_size, bias=bias)
        self.W_z = nn.Linear(hidden_size + input_size, hidden_size, bias=bias)
        self.W_n = nn.Linear(hidden_size + input_size, hidden_size, bias=bias)

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        hx = torch.cat([h, x], dim=1)
        r = torch.sigmoid(self.W_r(hx))
        z = torch.sigmoid(self.W_z(hx))
        n = torch.tanh(self.W_n(torch.cat([r * h, x], dim=1)))
        return ((1 - z) * h + z * n,)
