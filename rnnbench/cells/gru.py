"""The GRU with the reset gate before the recurrent product (Chung et al. 2014; notes 000, 003 and 004)."""

from typing import Literal

import torch
from torch import Tensor

from rnnbench.cells.activation import named_activation
from rnnbench.cells.cell import Cell, MemoryBiases, State


class Gru(Cell):
    """The GRU of Chung et al. (2014), with one matrix for the input and one for the state per gate.

    r = sigma(W_r x + U_r h + b_r), z = sigma(W_z x + U_z h + b_z), n = phi(W_n x + U_n (r h) + b_n),
    h' = (1 - z) h + z n.

    The reset gate multiplies the state before U_n; in torch.nn.GRU it multiplies the product (`gru_torch`). `bias`
    False drops b (note 003). `candidate` is phi: tanh, or sigmoid as Goodfellow et al. (2016) print it in equation
    10.45 (note 004). `update` says what z is the share of: the new, or the old as in the same equation,
    h' = z h + (1 - z) n. The two are one family, z against 1 - z: negating W_z, U_z and b_z turns one into the other.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        candidate: Literal["tanh", "sigmoid"] = "tanh",
        update: Literal["new", "old"] = "new",
    ) -> None:
        super().__init__(input_size, hidden_size)
        if update not in ("new", "old"):
            raise ValueError(f"update={update}: must be new or old (what the update gate is the share of)")
        self.phi = named_activation("candidate", candidate, ("tanh", "sigmoid"))
        self.update = update
        self.bias = bias
        self.W_r, self.U_r = self.input_map(bias), self.recurrent_map()
        self.W_z, self.U_z = self.input_map(bias), self.recurrent_map()
        self.W_n, self.U_n = self.input_map(bias), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        r = torch.sigmoid(self.W_r(x) + self.U_r(h))
        z = torch.sigmoid(self.W_z(x) + self.U_z(h))
        n = self.phi(self.W_n(x) + self.U_n(r * h))
        if self.update == "old":
            return (z * h + (1 - z) * n,)
        return ((1 - z) * h + z * n,)

    def memory_biases(self) -> MemoryBiases | None:
        if not self.bias:
            return None
        return MemoryBiases(keep=self.W_z.bias) if self.update == "old" else MemoryBiases(write=self.W_z.bias)
