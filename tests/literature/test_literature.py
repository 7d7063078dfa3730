"""Cells of the literature as papers write them, with the functions that their code would use: fused runs as eager does.

Where papers give a name to the output other than h, it is h here. tests/contract has the cells of the menu.
"""

import pytest
import torch
from side_by_side import assert_same_as_eager
from torch import Tensor, nn
from torch.nn import functional

from rnnbench.backends import Fused, choose_backend
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


def made(kind: type[Cell], inputs: int, hidden: int, dtype: torch.dtype) -> Cell:
    """A cell with weights of its own rule, moved a little so that no gradient vanishes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        cell = kind(inputs, hidden)
    generator = torch.Generator().manual_seed(1)
    if type(cell).initialise is not Cell.initialise:
        cell.initialise(generator)
    cell = cell.to(dtype)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return cell


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", [OneMatrixLstm, ZoneoutLstm, SkipRnn, Clockwork])
def test_fused_runs_the_cell_with_the_numbers_of_eager(interpret: None, kind: type[Cell], training: bool) -> None:
    cell = made(kind, 3, 6, torch.float64).train(training)
    assert isinstance(choose_backend(cell), Fused), Fused().unsupported_reason(cell)
    assert_same_as_eager(cell, 7, 3)
