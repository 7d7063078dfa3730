"""Cells of the literature, each written as its paper writes it, with the functions that its code would use.

Where papers give a name to the output other than h, it is h here. tests/contract has the cells of the menu.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnbench.cells import Cell, State


class OneMatrixLstm(Cell):
    """Gers et al. 2000, all gates from one matrix on [x, h], as most code has it."""

    state_names = ("h", "c")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        i, f, g, o = self.gates(torch.cat([x, h], dim=1)).chunk(4, dim=1)
        c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class ZoneoutLstm(OneMatrixLstm):
    """Krueger et al. 2017: units keep their value with some probability; in evaluation, the expectation."""

    p_h, p_c = 0.05, 0.5

    def step(self, x: Tensor, state: State) -> State:
        return tuple(map(self._zoned, state, super().step(x, state), (self.p_h, self.p_c)))

    def _zoned(self, before: Tensor, after: Tensor, p: float) -> Tensor:
        if self.training:
            return torch.where(torch.rand_like(after) < p, before, after)
        return p * before + (1 - p) * after


class SkipRnn(Cell):
    """Campos et al. 2018 on a GRU: a unit decides whether to update, rounded with a straight-through gradient."""

    state_names = ("h", "u")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.cell, self.to_u = nn.GRUCell(input_size, hidden_size), nn.Linear(hidden_size, 1)

    def initial_state(self, batch_size: int) -> State:
        like = next(self.parameters())
        return like.new_zeros(batch_size, self.hidden_size), like.new_ones(batch_size, 1)

    def step(self, x: Tensor, state: State) -> State:
        h, u = state
        updates = torch.round(u).detach() + u - u.detach()
        new = updates * self.cell(x, h) + (1 - updates) * h
        more = torch.sigmoid(self.to_u(new))
        return new, updates * more + (1 - updates) * (u + torch.minimum(more, 1 - u))


class Clockwork(Cell):
    """Koutnik et al. 2014: modules of units that are updated every 1, 2, 4, ... steps and read slower ones only."""

    state_names = ("h", "t")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.U = self.input_map(), nn.Parameter(torch.zeros(hidden_size, hidden_size))
        module = torch.arange(hidden_size) * 3 // hidden_size
        self.register_buffer("periods", 2**module)
        self.register_buffer("slower", (module[:, None] <= module[None, :]).float())

    def initial_state(self, batch_size: int) -> State:
        zeros = next(self.parameters()).new_zeros
        return zeros(batch_size, self.hidden_size), zeros(batch_size, 1)

    def step(self, x: Tensor, state: State) -> State:
        h, t = state
        new = torch.tanh(self.W(x) + functional.linear(h, self.U * self.slower))
        return torch.where(t % self.periods == 0, new, h), t + 1


class MLstm(Cell):
    """Beck et al. 2024, mLSTM of xLSTM: the memory is a matrix."""

    state_names = ("h", "C")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.qkv, self.gates = nn.Linear(input_size, 3 * hidden_size), nn.Linear(input_size, 2)

    def initial_state(self, batch_size: int) -> State:
        zeros, H = next(self.parameters()).new_zeros, self.hidden_size
        return zeros(batch_size, H), zeros(batch_size, H, H)

    def step(self, x: Tensor, state: State) -> State:
        q, k, v = self.qkv(x).chunk(3, 1)
        i, f = torch.sigmoid(self.gates(x)).chunk(2, 1)
        C = f[:, :, None] * state[1] + i[:, :, None] * v[:, :, None] * k[:, None, :] / math.sqrt(self.hidden_size)
        return torch.tanh(torch.einsum("bij,bj->bi", C, q)), C


class UnitaryRnn(Cell):
    """Arjovsky et al. 2016 in small: a diagonal of complex rotations and a Fourier transform."""

    state_names = ("h", "u")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.theta = self.input_map(), nn.Parameter(torch.zeros(hidden_size))

    def initial_state(self, batch_size: int) -> State:
        h = next(self.parameters()).new_zeros(batch_size, self.hidden_size)
        return h, torch.complex(h, h)

    def step(self, x: Tensor, state: State) -> State:
        rotation = torch.polar(torch.ones_like(self.theta), self.theta)
        u = torch.fft.fft(state[1] * rotation, norm="ortho") + self.W(x)
        return u.real, u


def own_cells() -> dict[str, Any]:
    """The cells of this file by name."""
    return {
        name: kind
        for name, kind in globals().items()
        if isinstance(kind, type) and issubclass(kind, Cell) and kind is not Cell
    }
