"""minLSTM, the LSTM whose gates see only the input (Feng et al. 2024)."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from rnnbench.cells.cell import Cell, State


class MinLstm(Cell):
    """The minimal LSTM, run step by step.

    f = sigma(W_f x + b_f), i = sigma(W_i x + b_i), n = W_n x + b_n, h' = (f h + i n) / (f + i).

    The two gates are divided by their sum, so that their scale does not depend on time; there is one state, no tanh and
    no recurrent matrix. The paper trains it by a parallel scan; a step gives the same numbers.
    """

    keep_bias, write_bias = "W_f.bias", "W_i.bias"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_f = self.input_map()
        self.W_i = self.input_map()
        self.W_n = self.input_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        # f / (f + i) = 1 / (1 + i / f), whose logarithms cannot both vanish.
        kept = torch.sigmoid(functional.softplus(-self.W_i(x)) - functional.softplus(-self.W_f(x)))
        return (kept * h + (1 - kept) * self.W_n(x),)

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """As minGRU's."""
        self.draw_uniform(1 / math.sqrt(self.input_size), generator)
