"""JANET, the LSTM with only a forget gate (van der Westhuizen & Lasenby 2018)."""

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State


class Janet(Cell):
    """Just another network: one gate, one state.

    s = W_f x + U_f h + b_f, g = tanh(W_g x + U_g h + b_g), h' = sigma(s) h + (1 - sigma(s - beta)) g.

    With beta > 0 more is added than was forgotten, so the state is no convex combination: it stays below e^beta rather
    than 1. The forget gate's bias starts at `forget_bias`; None leaves it random. The paper uses beta = 1 and chrono
    initialisation.
    """

    keep_bias = "W_f.bias"

    def __init__(self, input_size: int, hidden_size: int, beta: float = 1.0, forget_bias: float | None = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        self.beta = beta
        self.W_f, self.U_f = self.input_map(bias_start=forget_bias), self.recurrent_map()
        self.W_g, self.U_g = self.input_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        s = self.W_f(x) + self.U_f(h)
        g = torch.tanh(self.W_g(x) + self.U_g(h))
        return (torch.sigmoid(s) * h + (1 - torch.sigmoid(s - self.beta)) * g,)

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """The released code's, TensorFlow's for both gates in one matrix: U(-a, a), a = sqrt(6 / (columns + 2 hidden)),
        forget biases 1, the others 0; with model.chrono_length its forget biases are chrono's."""
        for linear in (self.W_f, self.U_f, self.W_g, self.U_g):
            bound = (6 / (linear.in_features + 2 * self.hidden_size)) ** 0.5
            nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
        nn.init.ones_(self.W_f.bias)
        nn.init.zeros_(self.W_g.bias)
