"""Compiled loops against the eager loop: outputs, final state, every gradient, the gradient profile."""

import pytest
import torch
from side_by_side import assert_same_as_eager, prepared
from torch import Tensor, nn
from torch.nn import functional

from rnnbench.backends.fused.runtime import batch_threads
from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.lstm_peephole import LstmPeephole


class Everything(Cell):
    """A step with a narrow Linear, a tanh of the input alone, three stages, a buffer, scalar and elementwise
    parameters, one Linear used twice, one on a concatenation, and most of the elementwise functions."""

    state_names = ("h", "c")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.down, self.up = nn.Linear(hidden_size, 3), nn.Linear(3, hidden_size, bias=False)
        self.W, self.U = nn.Linear(input_size, hidden_size), nn.Linear(hidden_size, hidden_size)
        self.V = nn.Linear(hidden_size + input_size, hidden_size)
        self.scale, self.peephole = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(hidden_size))
        self.register_buffer("offset", torch.linspace(0, 1, hidden_size))

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        narrow = torch.tanh(self.down(h))
        v = self.up(narrow) + self.W(torch.tanh(x))
        u = self.U(h) + self.U(torch.sigmoid(c)) + self.peephole * c + self.offset
        either = torch.where(u > v, u, v * torch.sigmoid(self.scale))
        bounded = either.clamp(-1, 1) / (1 + torch.exp(-u).clamp(max=5)) + functional.softplus(v)
        root = torch.sqrt(u.square() + 0.1) - torch.log(v.abs() + 1) + torch.minimum(u, v) ** 2
        k = self.V(torch.cat([c, x], 1)) * torch.maximum(u, v) + torch.erf(u) * torch.cos(v)
        return (torch.tanh(0.1 * bounded + k - torch.relu(root)), 0.5 * c - 0.1 * torch.tanh(k) + 0.1 * narrow_sum(h))


def narrow_sum(h: Tensor) -> Tensor:
    """A function of the user's, called from `step`."""
    return torch.ones_like(h) - h


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_everything_equals_eager(dtype: torch.dtype) -> None:
    assert_same_as_eager(prepared(Everything(3, 7), dtype), steps=9, batch=5)


@pytest.mark.parametrize("hidden", [1, 8, 16, 17, 40])
def test_widths_around_the_vectors_equal_eager(hidden: int) -> None:
    assert_same_as_eager(prepared(Gru(1, hidden)), steps=4, batch=14)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_threads, "WORK_PER_THREAD", 1)
    torch.set_num_threads(threads)
    assert_same_as_eager(prepared(LstmPeephole(3, 7)), steps=9, batch=77)


def test_sizes_of_a_user_beyond_one_chunk_equal_eager() -> None:
    assert_same_as_eager(prepared(Gru(3, 7)), steps=250, batch=2)
