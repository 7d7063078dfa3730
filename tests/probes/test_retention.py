"""What `retention` finds in a step against the equations, and against the step itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor

from rnnbench.cells import Cell, State
from rnnbench.cells.gru_concat import GruConcat
from rnnbench.model.parameter_roles import parameter_roles
from rnnbench.probes.retention import retention

CONFIGURATIONS = sorted((Path(__file__).parents[2] / "conf" / "cell").glob("*.yaml"))
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


@pytest.fixture(params=[path for path in CONFIGURATIONS if path.stem in KEPT], ids=lambda path: path.stem)
def name(request: pytest.FixtureRequest) -> str:
    return request.param.stem


@pytest.fixture
def cell(name: str) -> Cell:
    (path,) = [path for path in CONFIGURATIONS if path.stem == name]
    cell: Cell = instantiate(OmegaConf.load(path), INPUT, HIDDEN)
    cell.initialise(torch.Generator().manual_seed(0))
    return cell.double()


def drawn(cell: Cell) -> tuple[Tensor, State]:
    generator = torch.Generator().manual_seed(1)
    sizes = [INPUT, *(HIDDEN for _ in cell.state_names)]
    x, *state = (torch.randn(BATCH, size, generator=generator, dtype=torch.float64) for size in sizes)
    return x, tuple(state)


def test_the_share_kept_is_the_equations(name: str, cell: Cell) -> None:
    x, state = drawn(cell)
    found, expected = retention(cell, x, state), KEPT[name](cell, x, state)
    assert found.kept[:-1] == (None,) * (len(state) - 1)
    assert (found.kept[-1] is None) == (expected is None)
    if expected is not None:
        torch.testing.assert_close(found.kept[-1], expected.detach(), **EXACT)


def test_the_step_is_unchanged(cell: Cell) -> None:
    x, state = drawn(cell)
    for found, expected in zip(retention(cell, x, state).state, cell.step(x, state), strict=True):
        torch.testing.assert_close(found, expected.detach(), rtol=0, atol=0)


def test_with_gates_blind_to_the_state_the_share_is_the_whole_derivative(name: str, cell: Cell) -> None:
    """Without recurrent weights gates and candidate are fixed, and finite differences see only what is kept."""
    if name == "indrnn":
        pytest.skip("its recurrent weight is the share")
    with torch.no_grad():
        for parameter, role in parameter_roles(cell).items():
            if role == "recurrent":
                weight = cell.get_parameter(parameter)
                weight[..., :HIDDEN] = 0 if isinstance(cell, GruConcat) and weight.ndim == 2 else weight * 0
    x, state = drawn(cell)
    width = 1e-5
    ends = [cell.step(x, (*state[:-1], state[-1] + sign * width))[-1] for sign in (1, -1)]
    slope = ((ends[0] - ends[1]) / (2 * width)).detach()
    kept = retention(cell, x, state).kept[-1]
    torch.testing.assert_close(slope, torch.zeros_like(slope) if kept is None else kept, rtol=1e-8, atol=1e-10)
