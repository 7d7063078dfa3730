"""Cells whose states are not zeros of shape (batch, hidden)."""

import math

import torch
from torch import Tensor, nn

from rnnbench.cells import Cell, State


class LearnedStart(Cell):
    """A tanh network whose first state is a parameter."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.U = self.input_map(), self.recurrent_map()
        self.start = nn.Parameter(torch.linspace(-0.5, 0.5, hidden_size).unsqueeze(0))

    def initial_state(self, batch_size: int) -> State:
        return (self.start.expand(batch_size, -1),)

    def step(self, x: Tensor, state: State) -> State:
        return (torch.tanh(self.W(x) + self.U(state[0])),)


class Projected(Cell):
    """The LSTM with a projection (Sak et al. 2014): c is twice as wide as h."""

    state_names = ("h", "c")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.wide = 2 * hidden_size
        self.W = nn.Linear(input_size, 4 * self.wide)
        self.U = nn.Linear(hidden_size, 4 * self.wide, bias=False)
        self.P = nn.Linear(self.wide, hidden_size, bias=False)

    def initial_state(self, batch_size: int) -> State:
        return self.zeros(batch_size, self.hidden_size), self.zeros(batch_size, self.wide)

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        i, f, g, o = (self.W(x) + self.U(h)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return self.P(torch.sigmoid(o) * torch.tanh(c)), c


class MatrixMemory(Cell):
    """mLSTM (Beck et al. 2024), without its normaliser: the memory is a matrix, which starts as a learned one."""

    state_names = ("h", "C")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.qkv, self.gates = nn.Linear(input_size, 3 * hidden_size), nn.Linear(input_size, 2)
        self.start = nn.Parameter(torch.zeros(hidden_size, hidden_size))

    def initial_state(self, batch_size: int) -> State:
        return self.zeros(batch_size, self.hidden_size), self.start.expand(batch_size, -1, -1)

    def step(self, x: Tensor, state: State) -> State:
        q, k, v = self.qkv(x).chunk(3, 1)
        i, f = torch.sigmoid(self.gates(x))[:, :, None, None].unbind(1)
        C = f * state[1] + i * v[:, :, None] * k[:, None, :] / math.sqrt(self.hidden_size)
        return torch.tanh(torch.einsum("bij,bj->bi", C, q)), C


class ComplexDiagonal(Cell):
    """An LRU (Orvieto et al. 2023) with complex numbers: s' = a s + B x, h' = tanh(Re(C s') + D x)."""

    state_names = ("h", "s")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.B = nn.Parameter(torch.zeros(input_size, hidden_size, dtype=torch.complex64))
        self.C = nn.Parameter(torch.zeros(hidden_size, hidden_size, dtype=torch.complex64))
        self.nu = nn.Parameter(torch.full((hidden_size,), -1.0))
        self.theta = nn.Parameter(torch.rand(hidden_size))
        self.D = self.input_map()

    def initial_state(self, batch_size: int) -> State:
        h = self.zeros(batch_size, self.hidden_size)
        return h, torch.complex(h, h)

    def step(self, x: Tensor, state: State) -> State:
        a = torch.polar(torch.exp(-torch.exp(self.nu)), self.theta)
        s = a * state[1] + x.to(self.B.dtype) @ self.B
        return torch.tanh((s @ self.C).real + self.D(x)), s


class Tally(Cell):
    """A tanh network with one number per example, (batch,), that sums its outputs and forgets."""

    state_names = ("h", "n")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.U = self.input_map(), self.recurrent_map()

    def initial_state(self, batch_size: int) -> State:
        return self.zeros(batch_size, self.hidden_size), self.zeros(batch_size)

    def step(self, x: Tensor, state: State) -> State:
        h = torch.tanh(self.W(x) + self.U(state[0]) + state[1][:, None])
        return h, 0.5 * state[1] + 0.1 * h.sum(1)


ODD: tuple[type[Cell], ...] = (LearnedStart, Projected, MatrixMemory, ComplexDiagonal, Tally)
