"""What the probes' tests share: small models, cells with states of any form, and finite differences."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rnnbench.cells import Cell, State
from rnnbench.cells.states import double_cell, flattened, unflattened
from rnnbench.model import Model
from rnnbench.tasks import Batch, Task

WIDTH = 1e-5
"""Of the central differences."""


def model_of(
    make_cell: Callable[[int, int], Cell], hidden_size: int = 4, layers: int = 1, *, seed: int = 0, **settings: Any
) -> Model:
    """A model of two inputs and one output, unless the settings say otherwise."""
    settings = {"input_size": 2, "output_size": 1} | settings
    generator = torch.Generator().manual_seed(seed)
    return Model(make_cell, hidden_size=hidden_size, layers=layers, generator=generator, **settings)


def in_double(model: Model) -> Model:
    """The model itself, in double precision, complex numbers too."""
    for cell in model.cells:
        double_cell(cell)
    return model.double()


def drawn(task: Task, size: int = 3, seed: int = 1) -> Batch:
    """A batch of the task in double precision."""
    batch = task.draw(size, torch.Generator().manual_seed(seed))
    targets = batch.targets.double() if batch.targets.is_floating_point() else batch.targets
    return Batch(batch.inputs.double(), targets, batch.scored, batch.lengths)


def changed(state: State, number: int, by: float) -> State:
    """The state with one of its real numbers changed, in every example."""
    numbers = flattened(state)
    numbers[:, number] += by
    return unflattened(numbers, state)


@torch.no_grad()
def state_gradient(model: Model, inputs: Tensor, losses: Callable[[Tensor], Tensor], layer: int, time: int) -> State:
    """The derivative of every example's loss with respect to a layer's state after a step, by finite differences.

    `losses` are those of the outputs at every step.
    """

    def outputs(number: int, by: float) -> Tensor:
        sequence = inputs
        for index, cell in enumerate(model.cells):
            state, found = cell.initial_state(inputs.shape[1]), []
            for step, x in enumerate(sequence):
                state = cell.step(x, state)
                if (index, step) == (layer, time):
                    state = changed(state, number, by)
                found.append(state[0])
            sequence = torch.stack(found)
        return model.readout(sequence)

    like = model.cells[layer].initial_state(inputs.shape[1])
    numbers = range(flattened(like).shape[1])
    slopes = [(losses(outputs(each, WIDTH)) - losses(outputs(each, -WIDTH))) / (2 * WIDTH) for each in numbers]
    return unflattened(torch.stack(slopes, dim=1), like)


@torch.no_grad()
def state_jacobians(cell: Cell, inputs: Tensor) -> Tensor:
    """d state_t / d state_(t-1) of every step and example, (step, example, S, S), by finite differences."""
    state, matrices = cell.initial_state(inputs.shape[1]), []
    for x in inputs:
        columns = []
        for number in range(flattened(state).shape[1]):
            ends = [flattened(cell.step(x, changed(state, number, by))) for by in (WIDTH, -WIDTH)]
            columns.append((ends[0] - ends[1]) / (2 * WIDTH))
        matrices.append(torch.stack(columns, dim=2))
        state = cell.step(x, state)
    return torch.stack(matrices)


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


class Counting(Cell):
    """A state tensor that nothing trained reaches."""

    state_names = ("h", "count")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.U = self.input_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        h, count = state
        return (torch.tanh(self.W(x) + self.U(h)) / (1 + count), count + 1)


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
