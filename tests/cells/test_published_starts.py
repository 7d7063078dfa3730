"""Starts that papers and their codes state: the spread of each parameter, by hand from the source."""

from collections.abc import Callable
from functools import partial

import pytest
import torch

from rnnbench.cells import Cell
from rnnbench.cells.cornn import Cornn
from rnnbench.cells.exprnn import Exprnn
from rnnbench.cells.fastgrnn import Fastgrnn
from rnnbench.cells.gru import Gru
from rnnbench.cells.janet import Janet
from rnnbench.cells.lem import Lem
from rnnbench.cells.lru import Lru
from rnnbench.cells.lstm_1997 import Lstm1997
from rnnbench.cells.lstm_greff import LstmGreff
from rnnbench.cells.min_gru import MinGru
from rnnbench.cells.min_lstm import MinLstm
from rnnbench.cells.nbrc import Nbrc
from rnnbench.cells.rnn_pascanu import RnnPascanu
from rnnbench.cells.slstm import Slstm
from rnnbench.cells.sru import Sru
from rnnbench.cells.star import Star
from rnnbench.model import Model
from rnnbench.model.initialisation import initialise_cell
from rnnbench.runs.build import set_published_rates

INPUT = 3

WIDE = 400


def uniform(bound: float) -> float:
    """The standard deviation of U(-bound, bound)."""
    return bound / 3**0.5


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (Cornn, dict.fromkeys(("W.weight", "W.bias"), (0, uniform((INPUT + 2 * WIDE) ** -0.5)))),
        (Exprnn, {"W.weight": (0, (2 / INPUT) ** 0.5), "b": (0, uniform(0.01))}),
        (Fastgrnn, {"W.weight": (0, 0.1), "U.weight": (0, 0.1), "b_z": (1, 0)}),
        (Janet, {"W_f.weight": (0, uniform((6 / (INPUT + 2 * WIDE)) ** 0.5)), "W_f.bias": (1, 0), "W_g.bias": (0, 0)}),
        (Lem, {"W_1.weight": (0, uniform(WIDE**-0.5)), "U_h.weight": (0, uniform(WIDE**-0.5))}),
        (Lstm1997, {"W_i.weight": (0, uniform(0.1)), "U_g.weight": (0, uniform(0.1)), "W_o.bias": (0, uniform(0.1))}),
        (LstmGreff, {"W_f.bias": (0, 0.1), "U_g.weight": (0, 0.1), "p_o": (0, 0.1)}),
        (MinGru, {"W_z.weight": (0, uniform(INPUT**-0.5)), "W_n.bias": (0, uniform(INPUT**-0.5))}),
        (MinLstm, {"W_f.weight": (0, uniform(INPUT**-0.5)), "W_i.bias": (0, uniform(INPUT**-0.5))}),
        (
            Nbrc,
            {"W_a.weight": (0, uniform((6 / (INPUT + WIDE)) ** 0.5)), "U_c.weight": (0, uniform((3 / WIDE) ** 0.5))},
        ),
        (
            Sru,
            {
                "W.weight": (0, INPUT**-0.5),
                "W_r.weight": (0, (INPUT * 2) ** -0.5),
                "P.weight": (0, 1),
                "v_f": (0, 0.5**0.5),
            },
        ),
        (partial(RnnPascanu, start="sigmoid"), {"W.weight": (0, 0.01), "U.weight": (0, 0.01), "W.bias": (0, 0)}),
        (partial(RnnPascanu, start="basic_tanh"), {"W.weight": (0, 0.1), "U.weight": (0, 0.1), "W.bias": (0, 0)}),
        (Star, {"U_k.weight": (0, WIDE**-0.5), "W_k.bias": (-1, 0), "W_z.bias": (0, 0)}),
        (Slstm, {"U_f.weight": (0, 0), "W_o.weight": (0, (2 / 5 / INPUT) ** 0.5), "W_z.bias": (0, 0)}),
        (Lru, {"B_im.weight": (0, (1 / 2 / INPUT) ** 0.5), "C_re.weight": (0, WIDE**-0.5), "D.weight": (0, 1)}),
    ],
)
def test_start_as_published(make: Callable[[int, int], Cell], expected: dict[str, tuple[float, float]]) -> None:
    cell = make(INPUT, WIDE)
    initialise_cell(cell, "paper", torch.Generator().manual_seed(0))
    parameters = dict(cell.named_parameters())
    for name, (mean, deviation) in expected.items():
        values = parameters[name].detach()
        assert float(values.mean()) == pytest.approx(mean, abs=4 * deviation / values.numel() ** 0.5 + 1e-12)
        assert float(values.std()) == pytest.approx(deviation, rel=0.1)


def test_the_sparse_start_of_pascanu() -> None:
    cell = RnnPascanu(2, 50)
    initialise_cell(cell, "paper", torch.Generator().manual_seed(0))
    assert cell.U.weight.ne(0).sum(1).tolist() == [15] * 50
    assert float(torch.linalg.eigvals(cell.U.weight.detach()).abs().max()) == pytest.approx(0.95)


def test_forget_biases_of_slstm_as_published() -> None:
    cell = Slstm(2, 3)
    initialise_cell(cell, "paper", torch.Generator())
    torch.testing.assert_close(cell.W_f.bias, torch.tensor([5.0, 5 - 12 * 0.5**0.3, -7.0]))


def test_chrono_biases_are_added_where_a_length_is_given() -> None:
    cell = Star(2, 3000)
    initialise_cell(cell, "paper", torch.Generator().manual_seed(0), chrono_length=784)
    times = torch.exp(-cell.W_k.bias.detach())
    assert 1 <= float(times.min()) <= float(times.max()) <= 783
    assert float(times.mean()) == pytest.approx(392, rel=0.05)


def test_the_orthogonal_matrix_of_exprnn_trains_at_a_tenth_of_the_rate() -> None:
    model = Model(Exprnn, input_size=2, output_size=1, hidden_size=4, layers=2, generator=torch.Generator())
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    set_published_rates(optimizer, model)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    for (name, parameter), old in zip(model.named_parameters(), before, strict=True):
        torch.testing.assert_close(old - parameter, torch.full_like(old, 0.05 if name.endswith(".A") else 0.5))


def test_a_cell_without_a_published_start() -> None:
    with pytest.raises(ValueError, match=r"^initialisation=paper: none is stated for Gru; use default$"):
        initialise_cell(Gru(2, 3), "paper", torch.Generator())
