"""coRNN, the coupled oscillatory RNN (Rusch & Mishra 2021)."""

import torch
from torch import Tensor

from rnnbench.cells.cell import Cell, State


class Cornn(Cell):
    """z' = z + dt (tanh(W x + U h + V z + b) - gamma h - epsilon z), h' = h + dt z'.

    Oscillators with position h, the paper's y, and velocity z: y'' = tanh(...) - gamma y - epsilon y' in steps of `dt`.
    The damping is explicit (the paper's n-bar = n - 1), as in the released code, whose values for sequential MNIST are
    the defaults; for the adding problem it has dt 0.06, gamma 66, epsilon 15.
    """

    state_names = ("h", "z")

    def __init__(
        self, input_size: int, hidden_size: int, dt: float = 0.042, gamma: float = 2.7, epsilon: float = 4.7
    ) -> None:
        super().__init__(input_size, hidden_size)
        for name, value, meaning in (
            ("dt", dt, "step size"),
            ("gamma", gamma, "frequency"),
            ("epsilon", epsilon, "damping"),
        ):
            if value <= 0:
                raise ValueError(f"{name}={value}: must be above 0 (the {meaning})")
        self.dt, self.gamma, self.epsilon = dt, gamma, epsilon
        self.W, self.U, self.V = self.input_map(), self.recurrent_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        h, z = state
        force = torch.tanh(self.W(x) + self.U(h) + self.V(z))
        z = z + self.dt * (force - self.gamma * h - self.epsilon * z)
        return (h + self.dt * z, z)

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """The released code's, torch's for one linear map of input and both states: U(-a, a),
        a = 1 / sqrt(input + 2 hidden)."""
        self.draw_uniform((self.input_size + 2 * self.hidden_size) ** -0.5, generator)
