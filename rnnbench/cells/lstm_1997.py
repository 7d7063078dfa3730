"""The LSTM of 1997: memory cells in blocks, without a forget gate (Hochreiter & Schmidhuber 1997)."""

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State


class Lstm1997(Cell):
    """Blocks of `block_size` memory cells that share an input gate i and an output gate o; E copies a block's gate to
    its cells. With s = (h, i, o), all activations of the step before,

    i' = sigma(W_i x + U_i s + b_i), o' = sigma(W_o x + U_o s + b_o), g = 2 tanh((W_g x + U_g s + b_g) / 2),
    c' = c + (E i') g, h' = (E o') tanh(c' / 2).

    The paper writes g as a logistic function scaled to (-2, 2) and tanh(c'/2) as one scaled to (-1, 1). It cuts the
    gradient where it would leave a cell through its gates or its input: `truncated` does so, with s as a constant, so
    that it flows to earlier steps through c alone.

    The bias of the n-th block's input gate starts at n `input_bias`; 0 leaves it random.
    """

    state_names = ("h", "c", "i", "o")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        block_size: int = 1,
        input_bias: float = 0.0,
        truncated: bool = True,
    ) -> None:
        super().__init__(input_size, hidden_size)
        if not 0 < block_size <= hidden_size or hidden_size % block_size:
            raise ValueError(f"block_size={block_size}: must divide model.hidden_size={hidden_size}")
        self.blocks, self.input_bias, self.truncated = hidden_size // block_size, input_bias, truncated
        sources = hidden_size + 2 * self.blocks
        self.W_i, self.U_i = nn.Linear(input_size, self.blocks), nn.Linear(sources, self.blocks, bias=False)
        self.W_o, self.U_o = nn.Linear(input_size, self.blocks), nn.Linear(sources, self.blocks, bias=False)
        self.W_g, self.U_g = self.input_map(), nn.Linear(sources, hidden_size, bias=False)
        self.E: Tensor
        self.register_buffer("E", torch.eye(self.blocks).repeat_interleave(block_size, 0), persistent=False)

    def initial_state(self, batch_size: int) -> State:
        """Zeros: h and c (batch, hidden), i and o (batch, blocks)."""
        cells, gates = self.zeros(batch_size, self.hidden_size), self.zeros(batch_size, self.blocks)
        return (cells, cells, gates, gates)

    def step(self, x: Tensor, state: State) -> State:
        h, c, i, o = state
        s = torch.cat((h, i, o), 1)
        if self.truncated:
            s = s.detach()
        i = torch.sigmoid(self.W_i(x) + self.U_i(s))
        o = torch.sigmoid(self.W_o(x) + self.U_o(s))
        g = 2 * torch.tanh((self.W_g(x) + self.U_g(s)) / 2)
        c = c + (i @ self.E.T) * g
        return ((o @ self.E.T) * torch.tanh(c / 2), c, i, o)

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """The paper's, for most of its experiments: weights and biases from U(-0.1, 0.1)."""
        self.draw_uniform(0.1, generator)
        self.set_bias_starts()

    def set_bias_starts(self) -> None:
        if self.input_bias:
            with torch.no_grad():
                self.W_i.bias.copy_(self.input_bias * torch.arange(1, self.blocks + 1))
