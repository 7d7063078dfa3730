"""SRU, the simple recurrent unit (Lei et al. 2018)."""

import math

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State


class Sru(Cell):
    """f = sigma(W_f x + v_f c + b_f), r = sigma(W_r x + v_r c + b_r),
    c' = f c + (1 - f) W x, h' = r c' + (1 - r) x.

    No matrix multiplies the state, and the step does not read h. Where input and hidden size differ, the last x is
    P x, as in the released code. The paper's constant factor on it, which suits deep stacks, is left out.
    """

    state_names = ("h", "c")
    keep_bias = "W_f.bias"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_f, self.W_r, self.W = self.input_map(), self.input_map(), self.input_map(bias=False)
        self.v_f, self.v_r = self.unit_weights(), self.unit_weights()
        self.P = None if input_size == hidden_size else self.input_map(bias=False)

    def step(self, x: Tensor, state: State) -> State:
        _, c = state
        f = torch.sigmoid(self.W_f(x) + self.v_f * c)
        r = torch.sigmoid(self.W_r(x) + self.v_r * c)
        c = f * c + (1 - f) * self.W(x)
        return (r * c + (1 - r) * (x if self.P is None else self.P(x)), c)

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """The released code's: matrices from U(-a, a), a = sqrt(3 / input), of the gates times sqrt(1/2) and P times
        sqrt(3); v from U(-sqrt(3/2), sqrt(3/2)); biases 0."""
        bound = math.sqrt(3 / self.input_size)
        factors = [(self.W, 1.0), (self.W_f, math.sqrt(0.5)), (self.W_r, math.sqrt(0.5))]
        for linear, factor in factors if self.P is None else [*factors, (self.P, math.sqrt(3))]:
            nn.init.uniform_(linear.weight, -bound * factor, bound * factor, generator=generator)
        for v in (self.v_f, self.v_r):
            nn.init.uniform_(v, -math.sqrt(1.5), math.sqrt(1.5), generator=generator)
        nn.init.zeros_(self.W_f.bias)
        nn.init.zeros_(self.W_r.bias)
