"""LRU, the linear recurrent unit (Orvieto et al. 2023)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnbench.cells.cell import Cell, State


class Lru(Cell):
    """A complex diagonal linear recurrence, stable by its parametrisation, kept as real and imaginary parts:

    s' = lambda s + gamma B x, lambda = exp(-exp(nu) + i exp(theta)), h' = GELU(Re(C s') + D x + b).

    B and C are complex. C, a matrix on the state, is what an orthogonal initialisation and a recurrent gain act on. nu,
    theta and the logarithm of gamma are parameters; at first lambda is uniform on the ring of radii `r_min` to `r_max`
    with phases from U(0, `max_phase`), and gamma = sqrt(1 - |lambda|^2). h does not return to the recurrence. The
    paper's block applies a GELU and a gated linear unit after the recurrence, and adds its input; here is the GELU
    alone, without which the whole sequence would be a linear map.
    """

    state_names = ("h", "re", "im")

    def __init__(
        self, input_size: int, hidden_size: int, r_min: float = 0.0, r_max: float = 1.0, max_phase: float = 2 * math.pi
    ) -> None:
        super().__init__(input_size, hidden_size)
        if not 0 <= r_min < r_max <= 1:
            raise ValueError(f"r_min={r_min}: must be from 0 to below r_max={r_max}, which is at most 1")
        if not 0 < max_phase <= 2 * math.pi:
            raise ValueError(f"max_phase={max_phase}: must be above 0 and at most 2 pi")
        self.r_min, self.r_max, self.max_phase = r_min, r_max, max_phase
        self.nu, self.theta, self.log_gamma = (nn.Parameter(torch.zeros(hidden_size)) for _ in range(3))
        self.B_re, self.B_im = self.input_map(bias=False), self.input_map(bias=False)
        self.C_re, self.C_im = self.recurrent_map(), self.recurrent_map()
        self.D = self.input_map()

    def step(self, x: Tensor, state: State) -> State:
        _, re, im = state
        size, angle, gamma = torch.exp(-torch.exp(self.nu)), torch.exp(self.theta), torch.exp(self.log_gamma)
        a, b = size * torch.cos(angle), size * torch.sin(angle)
        new_re = a * re - b * im + gamma * self.B_re(x)
        new_im = b * re + a * im + gamma * self.B_im(x)
        return functional.gelu(self.C_re(new_re) - self.C_im(new_im) + self.D(x)), new_re, new_im

    def initialise(self, generator: torch.Generator) -> None:
        super().initialise(generator)
        uniform = torch.rand(2, self.hidden_size, generator=generator).clamp(min=1e-6)
        squares = (uniform[0] * (self.r_max**2 - self.r_min**2) + self.r_min**2).clamp(max=1 - 1e-6)
        with torch.no_grad():
            self.nu.copy_(torch.log(-torch.log(squares) / 2))
            self.theta.copy_(torch.log(uniform[1] * self.max_phase))
            self.log_gamma.copy_(torch.log(1 - squares) / 2)

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """The same ring; real and imaginary parts of B from N(0, 1 / (2 input)), of C from N(0, 1 / hidden), D from
        N(0, 1), as in the paper's listing, and b 0."""
        self.initialise(generator)
        for part in (self.B_re, self.B_im):
            nn.init.normal_(part.weight, std=(2 * self.input_size) ** -0.5, generator=generator)
        for part in (self.C_re, self.C_im):
            nn.init.normal_(part.weight, std=self.hidden_size**-0.5, generator=generator)
        nn.init.normal_(self.D.weight, generator=generator)
        nn.init.zeros_(self.D.bias)
