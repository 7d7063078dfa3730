"""Widths from budgets: the paper's, exact hits by hand, and the refusals."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.cells.lstm_peephole import LstmPeephole
from rnnbench.cells.rnn import Rnn
from rnnbench.model import Counted, hidden_size_for
from tests.probes.references import ComplexDiagonal


def width(
    make_cell: Callable[[int, int], Cell],
    budget: int,
    *,
    inputs: int = 100,
    outputs: int = 10,
    layers: int = 1,
    counted: Counted = "recurrent_layers",
) -> int:
    return hidden_size_for(
        make_cell, input_size=inputs, output_size=outputs, layers=layers, budget=budget, counted=counted
    )


@pytest.mark.parametrize(
    ("make_cell", "units", "parameters"),
    [(Rnn, 100, 20_100), (partial(Gru, bias=False), 46, 20_148), (LstmPeephole, 36, 19_836)],
)
def test_the_widths_of_chung_2014(make_cell: Callable[[int, int], Cell], units: int, parameters: int) -> None:
    """Polyphonic music at about 20 thousand parameters: 100 tanh, 46 GRU and 36 LSTM units."""
    assert width(make_cell, 20_000) == units
    assert sum(parameter.numel() for parameter in make_cell(100, units).parameters()) == parameters


LAYER, UPPER = 30 * (100 + 30 + 1), 30 * (30 + 30 + 1)
"""Parameters of 30 units on 100 inputs, and on 30."""


@pytest.mark.parametrize(
    ("budget", "settings", "units"),
    [
        *((units * 100 + units * units + units, {}, units) for units in (1, 2, 17, 100)),
        (17 * 7 + 17 * 17 + 17, {"inputs": 7}, 17),
        (9995, {}, 62),  # n^2 + 101 n: 9882 with 61 units, 10,106 with 62
        (9993, {}, 61),
        (LAYER + 31 * 10, {"counted": "all"}, 30),
        (LAYER + UPPER, {"layers": 2}, 30),
        (LAYER + 2 * UPPER, {"layers": 3}, 30),
        (LAYER + UPPER + 31 * 10, {"layers": 2, "counted": "all"}, 30),
    ],
)
def test_the_nearest_width(budget: int, settings: dict[str, Any], units: int) -> None:
    assert width(Rnn, budget, **settings) == units


def test_two_percent_is_the_bound() -> None:
    """One unit has 102 parameters and two have 206: within 2% of 100 (2 away) and 104 (2 of 2.08), not of 99 or 105."""
    assert width(Rnn, 100) == width(Rnn, 104) == 1
    for budget in (1, 50, 99, 105, 150):
        with pytest.raises(ValueError, match=rf"^parameter_budget={budget}: no hidden size .*hidden_size=1 has 102.*;"):
            width(Rnn, budget)


def test_complex_parameters_count_twice() -> None:
    """An LRU of n units on 2 inputs: two complex matrices, two vectors, a real map and its bias."""
    n = width(ComplexDiagonal, 5000, inputs=2)
    assert abs(2 * (2 * n + n * n) + 2 * n + 2 * n + n - 5000) <= 100


def test_a_cell_whose_count_does_not_grow_is_refused() -> None:
    class Fixed(Rnn):
        def __init__(self, input_size: int, hidden_size: int) -> None:
            super().__init__(input_size, 3)

    with pytest.raises(ValueError, match="parameter_budget=20000: "):
        width(Fixed, 20_000)
