"""The antisymmetric RNN (Chang et al. 2019)."""

import math

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State
from rnnbench.cells.skew_symmetric import numbers_above, skew_symmetric


class AntisymmetricRnn(Cell):
    """h' = h + epsilon tanh((A - A^T - gamma I) h + W x + b), the paper's equation without a gate.

    Euler's method, with steps of `epsilon`, for a system that neither grows nor decays; the diffusion gamma keeps the
    method stable. A is zero but for the n (n - 1) / 2 numbers above its diagonal, which are its parameters and are
    drawn like other weights.
    """

    def __init__(self, input_size: int, hidden_size: int, epsilon: float = 0.01, gamma: float = 0.01) -> None:
        super().__init__(input_size, hidden_size)
        if epsilon <= 0:
            raise ValueError(f"epsilon={epsilon}: must be above 0 (the step size)")
        if gamma < 0:
            raise ValueError(f"gamma={gamma}: must be at least 0 (the diffusion)")
        self.epsilon, self.gamma = epsilon, gamma
        self.W = self.input_map()
        self.A = nn.Parameter(torch.zeros(numbers_above(hidden_size)))

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        rotation = h @ skew_symmetric(self.A, self.hidden_size).T - self.gamma * h
        return (h + self.epsilon * torch.tanh(self.W(x) + rotation),)

    def initialise(self, generator: torch.Generator) -> None:
        super().initialise(generator)
        bound = 1 / math.sqrt(self.hidden_size)
        nn.init.uniform_(self.A, -bound, bound, generator=generator)
