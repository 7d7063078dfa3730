"""The vanilla recurrent network with the three starts of Pascanu et al. (2013)."""

from typing import Literal, get_args

import torch
from torch import nn

from rnnbench.cells.cell import TorchEquivalent
from rnnbench.cells.rnn import Rnn

Start = Literal["sigmoid", "basic_tanh", "smart_tanh"]
INCOMING = 15
"""Weights of a unit that smart_tanh leaves."""
RADIUS = 0.95


class RnnPascanu(Rnn):
    """h' = phi(W x + U h + b), with phi = sigma for the start sigmoid, else tanh.

    `initialisation=paper` starts it as the paper and its code do, biases at 0: sigmoid has W and U from N(0, 0.01^2),
    basic_tanh from N(0, 0.1^2), smart_tanh W from N(0, 0.01^2) and a sparse U, 15 weights for each unit, scaled to a
    spectral radius of 0.95.
    """

    def __init__(self, input_size: int, hidden_size: int, start: Start = "smart_tanh") -> None:
        super().__init__(input_size, hidden_size)
        if start not in get_args(Start):
            raise ValueError(f"start={start}: must be one of {', '.join(get_args(Start))}")
        self.start = start
        self.phi = torch.sigmoid if start == "sigmoid" else torch.tanh

    def torch_equivalent(self) -> TorchEquivalent | None:
        return None if self.start == "sigmoid" else super().torch_equivalent()

    def initialise_as_published(self, generator: torch.Generator) -> None:
        deviation = 0.1 if self.start == "basic_tanh" else 0.01
        for matrix in (self.W.weight, self.U.weight):
            nn.init.normal_(matrix, std=deviation, generator=generator)
        nn.init.zeros_(self.W.bias)
        if self.start == "smart_tanh":
            with torch.no_grad():
                for row in self.U.weight:
                    row[torch.randperm(self.hidden_size, generator=generator)[INCOMING:]] = 0
                self.U.weight.mul_(RADIUS / torch.linalg.eigvals(self.U.weight).abs().max())
