"""Gates held at 0 and 1: what is found on cells whose gates are known, and nothing where there are none."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_concat import GruConcat
from rnnbench.cells.gru_goodfellow import GruGoodfellow
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.min_gru import MinGru
from rnnbench.cells.rnn import Rnn
from rnnbench.probes.gate_limits import GateLimits, largest_with_random_weights
from rnnbench.tasks.adding import Adding
from tests.probes.references import model_of

RESET = {"reset_gate_ignore_value", "reset_gate_state_effect", "reset_gate_state_effect_opposite"}
UPDATE = {"update_gate_copy_value", "update_gate_copy_error", "update_gate_leakage"}


class Leaking(Cell):
    """h' = (0.5 + z / 2) h + (1 - z) n: the update gate does not let go of the old state."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_z, self.W_n = self.input_map(), self.input_map()

    def step(self, x: Tensor, state: State) -> State:
        z = torch.sigmoid(self.W_z(x))
        return ((0.5 + z / 2) * state[0] + (1 - z) * torch.tanh(self.W_n(x)),)


class Growing(Cell):
    """h' = h + 1: the state after n steps is n."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.unused = nn.Parameter(torch.zeros(1))

    def step(self, x: Tensor, state: State) -> State:
        return (state[0] + 1,)


def measured(cell: Callable[[int, int], Cell]) -> dict[str, Any]:
    task = Adding(10)
    batch = task.draw(4, torch.Generator().manual_seed(0))
    return dict(GateLimits().measure(model_of(cell, 6), task, batch).scalars)


FORMS: dict[str, tuple[Callable[[int, int], Cell], float]] = {
    "gru": (Gru, 0.0),
    "gru_no_bias": (partial(Gru, bias=False), 0.0),
    "gru_concat": (GruConcat, 0.0),
    "gru_concat_no_bias": (partial(GruConcat, bias=False), 0.0),
    "gru_goodfellow": (GruGoodfellow, 1.0),
    "gru_torch": (GruTorch, 1.0),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_gru_has_both_gates(form: str) -> None:
    """Gate 0 copies the state where the gate weights the new one (notes 000 to 003), gate 1 where the old (004)."""
    make, copies_at = FORMS[form]
    found = measured(make)
    assert found["update_gate_copy_value"] == copies_at
    assert found["update_gate_copy_error"] == found["update_gate_leakage"] == 0
    assert found["reset_gate_ignore_value"] == found["reset_gate_state_effect"] == 0
    assert found["reset_gate_state_effect_opposite"] > 0.1
    assert 0.99 < found["largest_h_random_weights"] <= 1


def test_an_update_gate_that_does_not_let_go() -> None:
    found = measured(Leaking)
    assert found["update_gate_copy_value"] == 1
    assert found["update_gate_leakage"] == pytest.approx(0.5)
    assert not RESET & set(found)


def test_cells_without_such_gates() -> None:
    assert set(measured(Rnn)) == set(measured(Lstm)) == {"largest_h_random_weights"}
    assert not RESET & set(measured(MinGru))
    assert set(measured(MinGru)) >= UPDATE


@torch.no_grad()
def test_size_of_the_state() -> None:
    assert largest_with_random_weights(Growing(2, 3), examples=1) == 100
    assert math.isinf(largest_with_random_weights(Rnn(2, 8, activation="relu"), examples=2))
