"""What the notes say of a gate that is all open or all shut, on every form of the GRU."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_concat import GruConcat
from rnnbench.cells.gru_goodfellow import GruGoodfellow
from rnnbench.cells.gru_torch import GruTorch

INPUT, HIDDEN, BATCH = 3, 4, 2
FORMS: dict[str, Callable[[int, int], Cell]] = {
    "gru": Gru,
    "gru_concat": GruConcat,
    "gru_concat_no_bias": partial(GruConcat, bias=False),
    "gru_no_bias": partial(Gru, bias=False),
    "gru_goodfellow": GruGoodfellow,
    "gru_torch": GruTorch,
}
GATE_ONE_KEEPS = ("gru_goodfellow", "gru_torch")
SHUT, OPEN = -1e4, 1e4
"""What is added to a gate's argument: its sigmoid is then exactly 0 or 1 in float64."""


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def cell(form: str) -> Cell:
    cell = FORMS[form](INPUT, HIDDEN)
    cell.initialise(torch.Generator().manual_seed(0))
    return cell.double()


def drawn_input() -> Tensor:
    """Its first feature is 1 for every example, so that a weight on it acts as a bias."""
    x = torch.randn(BATCH, INPUT, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x[:, 0] = 1
    return x


def drawn_state(seed: int) -> Tensor:
    return torch.randn(BATCH, HIDDEN, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def force(cell: Cell, gate: str, argument: float) -> None:
    """Add a constant to a gate's argument: to its bias, or without one to the weights of the first input feature."""
    gate_map = cell.get_submodule(f"W_{gate}")
    assert isinstance(gate_map, torch.nn.Linear)
    with torch.no_grad():
        if gate_map.bias is None:
            gate_map.weight[:, gate_map.in_features - INPUT] += argument
        else:
            gate_map.bias += argument


def gate_argument(form: str, weight_of_new: float) -> float:
    """What saturates the form's update gate so that the new state has that weight: 0 or 1."""
    gate = 1 - weight_of_new if form in GATE_ONE_KEEPS else weight_of_new
    return OPEN if gate else SHUT


def candidate(cell: Cell, x: Tensor, h: Tensor) -> Tensor:
    """n of each form, written out again."""
    if isinstance(cell, GruConcat):
        r = torch.sigmoid(cell.W_r(torch.cat([h, x], dim=1)))
        return torch.tanh(cell.W_n(torch.cat([r * h, x], dim=1)))
    assert isinstance(cell, Gru | GruGoodfellow | GruTorch)
    r = torch.sigmoid(cell.W_r(x) + cell.U_r(h))
    if isinstance(cell, GruTorch):
        return torch.tanh(cell.W_n(x) + r * cell.U_n(h))
    phi = torch.sigmoid if isinstance(cell, GruGoodfellow) else torch.tanh
    return phi(cell.W_n(x) + cell.U_n(r * h))


def test_an_update_gate_all_old_copies_the_state(form: str, cell: Cell) -> None:
    """Gate 0 copies it where the gate weights the new state (notes 000 to 003), gate 1 where the old (004)."""
    force(cell, "z", gate_argument(form, weight_of_new=0))
    h = drawn_state(2)
    (after,) = cell.step(drawn_input(), (h,))
    assert torch.equal(after, h)


def test_an_update_gate_all_new_keeps_nothing(form: str, cell: Cell) -> None:
    """The new state is the candidate, which the old state still enters by way of the reset gate."""
    force(cell, "z", gate_argument(form, weight_of_new=1))
    x, h = drawn_input(), drawn_state(2)
    (after,) = cell.step(x, (h,))
    torch.testing.assert_close(after, candidate(cell, x, h), rtol=0, atol=0)
    (elsewhere,) = cell.step(x, (drawn_state(3),))
    assert not torch.allclose(after, elsewhere)


def test_a_reset_gate_of_0_makes_the_candidate_ignore_the_past(form: str, cell: Cell) -> None:
    force(cell, "z", gate_argument(form, weight_of_new=1))
    force(cell, "r", SHUT)
    x = drawn_input()
    (after,), (elsewhere,) = cell.step(x, (drawn_state(2),)), cell.step(x, (drawn_state(3),))
    assert torch.equal(after, elsewhere)
    from_zero = candidate(cell, x, torch.zeros(BATCH, HIDDEN, dtype=torch.float64))
    torch.testing.assert_close(after, from_zero, rtol=0, atol=0)


def test_a_reset_gate_of_1_gives_the_vanilla_candidate(form: str, cell: Cell) -> None:
    force(cell, "z", gate_argument(form, weight_of_new=1))
    force(cell, "r", OPEN)
    x, h = drawn_input(), drawn_state(2)
    if isinstance(cell, GruConcat):
        argument = cell.W_n(torch.cat([h, x], dim=1))
    else:
        argument = cell.get_submodule("W_n")(x) + cell.get_submodule("U_n")(h)
    phi = torch.sigmoid if form == "gru_goodfellow" else torch.tanh
    torch.testing.assert_close(cell.step(x, (h,))[0], phi(argument), rtol=0, atol=1e-15)


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_the_state_stays_within_the_candidates_bounds(form: str, cell: Cell, scale: float) -> None:
    """A convex combination of a state in [-1, 1] and a candidate in [-1, 1], whatever the weights."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.normal_(0, scale, generator=generator)
        state = cell.initial_state(BATCH)
        for _ in range(200):
            x = 3 * torch.randn(BATCH, INPUT, generator=generator, dtype=torch.float64)
            before, (after,) = state[0], cell.step(x, state)
            assert after.abs().max() <= 1
            low = torch.minimum(before, candidate(cell, x, before))
            high = torch.maximum(before, candidate(cell, x, before))
            assert ((after >= low - 1e-15) & (after <= high + 1e-15)).all()
            state = (after,)
