"""The antisymmetric RNN (Chang et al. 2019)."""

import torch
from torch import Tensor, nn

from rnnbench.cells.cell import Cell, State


class AntisymmetricRnn(Cell):
    """h' = h + epsilon tanh((A - A^T - gamma I) h + W x + b).

    Euler's method for a system that neither grows nor decays; gamma is the diffusion that keeps the method stable.
    """

    def __init__(self, input_size: int, hidden_size: int, epsilon: float = 0.01, gamma: float = 0.01) -> None:
        super().__init__(input_size, hidden_size)
        if epsilon <= 0:
            raise ValueError(f"epsilon={epsilon}: must be above 0 (the step size)")
        self.epsilon, self.gamma = epsilon, gamma
        self.W = self.input_map()
        self.A = nn.Parameter(torch.zeros(hidden_size, hidden_size))

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        rotation = h @ (self.A.T - self.A) - self.gamma * h
        return (h + self.epsilon * torch.tanh(self.W(x) + rotation),)
