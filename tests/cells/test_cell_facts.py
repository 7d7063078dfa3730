"""What is known of cells besides their equations: scans, starts, bounds, and that each is compiled."""

import math

import pytest
import torch
from torch.nn import functional

from rnnbench.backends import Eager, Fused
from rnnbench.cells.exprnn import Exprnn
from rnnbench.cells.indrnn import Indrnn
from rnnbench.cells.lru import Lru
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.lstm_greff import LstmGreff, Variant
from rnnbench.cells.min_gru import MinGru
from rnnbench.cells.min_gru_log import MinGruLog
from rnnbench.cells.min_lstm import MinLstm
from rnnbench.cells.skew_symmetric import skew_symmetric
from rnnbench.cells.slstm import Slstm
from tests.drawn import MENU, cell_of_menu, drawn, normal, seeded

STEPS, BATCH, INPUT, HIDDEN = 30, 4, 3, 5


def test_min_gru_log_is_its_scan_of_logarithms() -> None:
    """h_t = kept_t h_{t-1} + written_t in log space, by cumulative sums as in Heinsen (2023), from 1/2."""
    cell, inputs = drawn(MinGruLog(INPUT, HIDDEN)), normal(STEPS, BATCH, INPUT)
    outputs, _ = Eager().run(cell, inputs, cell.initial_state(BATCH))
    gate, v = cell.W_z(inputs), cell.W_n(inputs)
    written = torch.where(v >= 0, (v.relu() + 0.5).log(), -functional.softplus(-v)) - functional.softplus(-gate)
    kept = -functional.softplus(gate).cumsum(0)
    start = torch.full_like(v[:1], math.log(0.5))
    scanned = (kept + torch.logcumsumexp(torch.cat([start, written - kept]), 0)[1:]).exp()
    torch.testing.assert_close(outputs, scanned, rtol=1e-12, atol=0)


def test_min_gru_of_positive_candidates_is_the_log_form() -> None:
    """Where W_n x >= 0 the candidates differ by the 1/2, which a bias of the plain form gives."""
    log_form, plain = drawn(MinGruLog(INPUT, HIDDEN)), drawn(MinGru(INPUT, HIDDEN))
    plain.load_state_dict(log_form.state_dict())
    with torch.no_grad():
        for cell, bias in ((log_form, 10.0), (plain, 10.5)):
            cell.W_n.bias.fill_(bias)
    inputs, start = normal(STEPS, BATCH, INPUT), log_form.initial_state(BATCH)
    torch.testing.assert_close(*(Eager().run(cell, inputs, start)[0] for cell in (log_form, plain)), rtol=1e-12, atol=0)


def test_min_lstm_of_gates_that_vanish_together_keeps_their_ratio() -> None:
    cell = MinLstm(1, 1)
    with torch.no_grad():
        for linear, bias in ((cell.W_f, -300.0), (cell.W_i, -300.0 + math.log(3)), (cell.W_n, 8.0)):
            linear.weight.zero_()
            linear.bias.fill_(bias)
    (h,) = cell.step(torch.zeros(1, 1), (torch.zeros(1, 1),))
    assert h.item() == pytest.approx(6.0, rel=1e-4)  # n i / (f + i), i = 3 f


def test_slstm_starts_by_writing_at_full_strength_and_does_not_overflow() -> None:
    cell = Slstm(1, 1)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.W_z.bias.fill_(0.5)
        cell.W_i.weight.fill_(1)
        for log_written in (-200.0, 200.0):
            state = cell.initial_state(1)
            for _ in range(3):
                state = cell.step(torch.full((1, 1), log_written), state)
                assert state[0].item() == pytest.approx(math.tanh(0.5) / 2, rel=1e-6)


@pytest.mark.parametrize("method", ["initialise", "initialise_as_published"])
def test_lru_starts_on_its_ring(method: str) -> None:
    """|lambda|^2 is uniform between the squared radii, phases are uniform, and white noise keeps its power."""
    cell = Lru(2, 4000, r_min=0.6, r_max=0.9, max_phase=1.0)
    getattr(cell, method)(seeded(0))
    squares, phases = torch.exp(-2 * torch.exp(cell.nu)).detach(), torch.exp(cell.theta).detach()
    for values, low, high in ((squares, 0.36, 0.81), (phases, 0.0, 1.0)):
        assert low <= float(values.min())
        assert float(values.max()) <= high + 1e-6
        uniform = (values.sort().values - low) / (high - low)
        assert float((uniform - torch.linspace(0, 1, 4000)).abs().max()) < 0.03  # Kolmogorov-Smirnov, p = 0.001
    torch.testing.assert_close(torch.exp(2 * cell.log_gamma), 1 - squares, rtol=1e-4, atol=1e-6)


def test_indrnn_recurrent_weights_start_between_zero_and_one() -> None:
    cell = Indrnn(3, 2000)
    cell.initialise(seeded(0))
    assert cell.u.min() >= 0
    assert cell.u.max() <= 1
    # The mean of 2000 draws from U(0, 1) has standard deviation 1 / sqrt(12 x 2000) = 0.0065.
    assert abs(cell.u.mean().item() - 0.5) < 0.026


def test_a_forget_bias_changes_no_other_draw() -> None:
    cell, left = Lstm(3, 5), Lstm(3, 5, forget_bias=None)
    for each in (cell, left):
        each.initialise(seeded(0))
    assert torch.equal(cell.W_f.bias, torch.ones(5))
    assert left.W_f.bias.abs().max() < 5**-0.5
    assert torch.equal(left.W_i.weight, cell.W_i.weight)


@pytest.mark.parametrize(("variant", "biases"), [("vanilla", {"f": 1.0}), ("cifg", {"i": -1.0}), ("nfg", {})])
def test_where_the_memory_of_greffs_variants_starts(variant: Variant, biases: dict[str, float]) -> None:
    cell = LstmGreff(3, 50, variant=variant)
    cell.initialise(seeded(0))
    for name in (*cell.gates, "g"):
        bias = getattr(cell, f"W_{name}").bias
        if name in biases:
            assert torch.equal(bias, torch.full((50,), biases[name]))
        else:
            assert bias.std() > 0.01


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_exprnn_is_orthogonal_and_starts_with_rotations_of_pairs(size: int) -> None:
    cell = drawn(Exprnn(3, size))
    B = torch.matrix_exp(skew_symmetric(cell.A, size)).detach()
    torch.testing.assert_close(B @ B.T, torch.eye(size, dtype=torch.float64), rtol=0, atol=1e-13)
    blocks = torch.block_diag(*(torch.ones(2, 2) for _ in range(size // 2)), torch.ones(size % 2, size % 2))
    torch.testing.assert_close(B, B * blocks, rtol=0, atol=1e-13)
    for pair in range(size // 2):
        cosine, sine = B[2 * pair, 2 * pair], B[2 * pair, 2 * pair + 1]
        place = 2 * pair * size - pair * (2 * pair + 1)  # of the number right of the diagonal among those above it
        torch.testing.assert_close(torch.atan2(sine, cosine), cell.A[place].detach())


@pytest.mark.parametrize("name", MENU)
def test_every_cell_of_the_menu_is_compiled(name: str) -> None:
    assert Fused().unsupported_reason(cell_of_menu(name, 3, 4)) is None
