"""The LSTM of Greff et al. (2017) and its eight variants, each with one part changed."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State

Variant = Literal["vanilla", "nig", "nfg", "nog", "niaf", "noaf", "cifg", "np", "fgr"]
GATES = {"nig": "fo", "nfg": "io", "nog": "if", "cifg": "io"}
"""The gates that have weights, in the variants that have fewer than all three."""


class LstmGreff(Cell):
    """The vanilla LSTM of the paper, with peepholes p:

    i = sigma(W_i x + U_i h + p_i c + b_i), f = sigma(W_f x + U_f h + p_f c + b_f), g = tanh(W_g x + U_g h + b_g),
    c' = f c + i g, o = sigma(W_o x + U_o h + p_o c' + b_o), h' = o tanh(c').

    `variant` changes one part:

    - nig, nfg, nog: no input, forget or output gate; it is 1.
    - niaf, noaf: no input or output activation function; the tanh of g, or that of c', is left out.
    - cifg: coupled gates, f = 1 - i.
    - np: no peepholes.
    - fgr: full gate recurrence; each gate also sees all gates of the step before, through nine more matrices R. The
      gates are part of the state, and start at 0.

    The forget gate's bias starts at `forget_bias`, that of cifg's input gate at its negative; None leaves it random,
    as the paper has it.
    """

    keep_bias, write_bias = "W_f.bias", "W_i.bias"

    def __init__(
        self, input_size: int, hidden_size: int, variant: Variant = "vanilla", forget_bias: float | None = 1.0
    ) -> None:
        super().__init__(input_size, hidden_size)
        if variant not in get_args(Variant):
            raise ValueError(f"variant={variant}: must be one of {', '.join(get_args(Variant))}")
        self.variant = variant
        self.gates = GATES.get(variant, "ifo")
        self.state_names = ("h", "c", *"ifo") if variant == "fgr" else ("h", "c")
        starts = {"f": forget_bias}
        if variant == "cifg" and forget_bias is not None:
            starts["i"] = -forget_bias
        for name in self.gates:
            setattr(self, f"W_{name}", self.input_map(bias_start=starts.get(name)))
            setattr(self, f"U_{name}", self.recurrent_map())
        self.W_g, self.U_g = self.input_map(), self.recurrent_map()
        for name in self.gates if variant != "np" else "":
            setattr(self, f"p_{name}", self.unit_weights())
        if variant == "fgr":
            for name in "ifo":
                for before in "ifo":
                    setattr(self, f"R_{name}{before}", self.recurrent_map())

    def step(self, x: Tensor, state: State) -> State:
        h, c, *before = state
        i = self._gate("i", x, h, c, before)
        f = 1 - i if self.variant == "cifg" else self._gate("f", x, h, c, before)
        g = self.W_g(x) + self.U_g(h)
        if self.variant != "niaf":
            g = torch.tanh(g)
        c = f * c + i * g
        o = self._gate("o", x, h, c, before)
        h = o * (c if self.variant == "noaf" else torch.tanh(c))
        return (h, c, i, f, o) if self.variant == "fgr" else (h, c)

    def _gate(self, name: str, x: Tensor, h: Tensor, c: Tensor, before: list[Tensor]) -> Tensor:
        """The gate i, f or o; 1 where the variant has none."""
        if name not in self.gates:
            return torch.ones_like(c)
        total = self._map("W", name)(x) + self._map("U", name)(h)
        if self.variant != "np":
            total = total + getattr(self, f"p_{name}") * c
        for other, value in zip("ifo", before, strict=False):
            total = total + self._map("R", name + other)(value)
        return torch.sigmoid(total)

    def _map(self, kind: str, of: str) -> nn.Linear:
        found: nn.Linear = getattr(self, f"{kind}_{of}")
        return found

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """The paper's: every weight and bias from N(0, 0.01)."""
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.1, generator=generator)
