"""What is kept in a step against the equations, and gates held at 0 and 1 on cells whose gates are known."""

import math
from collections.abc import Callable
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
from rnnbench.model.parameter_roles import parameter_roles
from rnnbench.probes.gate_limits import GateLimits, largest_with_random_weights
from rnnbench.probes.retention import retention
from rnnbench.tasks.adding import Adding
from tests.drawn import cell_of_menu, drawn, normal, seeded
from tests.probes.references import model_of

INPUT, HIDDEN, BATCH = 3, 4, 2
EXACT = {"rtol": 1e-12, "atol": 1e-14}

# The fraction of its last state tensor that each cell keeps, as its paper writes it.
KEPT: dict[str, Callable[[Any, Tensor, State], Tensor | None]] = {
    "rnn": lambda cell, x, state: None,
    "indrnn": lambda cell, x, state: cell.u * (cell.W(x) + cell.u * state[0] > 0),
    "gru": lambda cell, x, state: 1 - torch.sigmoid(cell.W_z(x) + cell.U_z(state[0])),
    "gru_concat": lambda cell, x, state: 1 - torch.sigmoid(cell.W_z(torch.cat([state[0], x], 1))),
    "gru_goodfellow": lambda cell, x, state: torch.sigmoid(cell.W_z(x) + cell.U_z(state[0])),
    "gru_torch": lambda cell, x, state: torch.sigmoid(cell.W_z(x) + cell.U_z(state[0])),
    "lstm": lambda cell, x, state: torch.sigmoid(cell.W_f(x) + cell.U_f(state[0])),
    "lstm_peephole": lambda cell, x, state: torch.sigmoid(cell.W_f(x) + cell.U_f(state[0]) + cell.p_f * state[1]),
    "janet": lambda cell, x, state: torch.sigmoid(cell.W_f(x) + cell.U_f(state[0])),
    "min_gru": lambda cell, x, state: 1 - torch.sigmoid(cell.W_z(x)),
    "mut1": lambda cell, x, state: 1 - torch.sigmoid(cell.W_z(x)),
    "mut3": lambda cell, x, state: 1 - torch.sigmoid(cell.W_z(x) + cell.U_z(torch.tanh(state[0]))),
}


@pytest.fixture(params=KEPT)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def cell(name: str) -> Cell:
    return drawn(cell_of_menu(name, INPUT, HIDDEN))


def at(cell: Cell) -> tuple[Tensor, State]:
    return normal(BATCH, INPUT), tuple(normal(len(cell.state_names), BATCH, HIDDEN, seed=2))


def test_the_share_kept_is_the_equations_and_the_step_is_unchanged(name: str, cell: Cell) -> None:
    x, state = at(cell)
    found, expected = retention(cell, x, state), KEPT[name](cell, x, state)
    assert found.kept[:-1] == (None,) * (len(state) - 1)
    assert (found.kept[-1] is None) == (expected is None)
    if expected is not None:
        torch.testing.assert_close(found.kept[-1], expected.detach(), **EXACT)
    torch.testing.assert_close(found.state, tuple(each.detach() for each in cell.step(x, state)), rtol=0, atol=0)


def test_with_gates_blind_to_the_state_the_share_is_the_whole_derivative(name: str, cell: Cell) -> None:
    """Without recurrent weights gates and candidate are fixed, and finite differences see only what is kept."""
    if name == "indrnn":
        pytest.skip("its recurrent weight is the share")
    with torch.no_grad():
        for parameter, role in parameter_roles(cell).items():
            if role == "recurrent":
                weight = cell.get_parameter(parameter)
                weight[..., :HIDDEN] = 0 if isinstance(cell, GruConcat) and weight.ndim == 2 else weight * 0
    x, state = at(cell)
    width = 1e-5
    ends = [cell.step(x, (*state[:-1], state[-1] + sign * width))[-1] for sign in (1, -1)]
    slope = ((ends[0] - ends[1]) / (2 * width)).detach()
    kept = retention(cell, x, state).kept[-1]
    torch.testing.assert_close(slope, torch.zeros_like(slope) if kept is None else kept, rtol=1e-8, atol=1e-10)


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
    batch = task.draw(4, seeded(0))
    return dict(GateLimits().measure(model_of(cell, 6), task, batch).scalars)


FORMS: dict[str, tuple[Callable[[int, int], Cell], float]] = {
    "gru": (Gru, 0.0),
    "gru_concat": (GruConcat, 0.0),
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
