"""The comparison of speeds: who takes part, what the ratios say, and that the floor is the products and no more."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rnnbench.cells import Cell, Gru, GruConcat, Lstm, MinGru, Rnn
from rnnbench.probes import lax_scan
from rnnbench.probes.product_floor import product_floor
from rnnbench.probes.speed_comparison import Sizes, compare_speed, table

SIZES = Sizes(steps=3, batch=2, input_size=2, hidden_size=3)


@pytest.fixture(autouse=True)
def _without_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lax_scan, "training_pass", lambda *arguments: None)


def test_every_contestant_has_a_row_and_the_ratios_are_those_of_the_medians() -> None:
    threads = torch.get_num_threads()
    rows = {row.backend: row for row in compare_speed(Lstm, SIZES, repeats=3, slow_repeats=2)}
    assert list(rows) == ["fused", "torch", "eager", "torch.nn", "floor"]
    assert torch.get_num_threads() == threads
    for name, row in rows.items():
        assert row.repeats == (2 if name == "eager" else 3)
        assert row.profile == (name == "fused")
        assert 0 < row.lower_quartile_s <= row.median_s <= row.upper_quartile_s
        assert row.times_floor == pytest.approx(row.median_s / rows["floor"].median_s)
        assert row.speedup_over_torch_nn == pytest.approx(rows["torch.nn"].median_s / row.median_s)
    assert "fused + profile" in table(list(rows.values()))


def test_a_cell_without_counterpart_has_no_such_ratio() -> None:
    rows = compare_speed(MinGru, SIZES, repeats=2)
    assert {row.backend for row in rows} == {"fused", "eager", "floor"}
    assert all(row.speedup_over_torch_nn is None for row in rows)


@pytest.mark.parametrize(("family", "recurrent", "of_input"), [(Rnn, 1, 1), (Gru, 3, 3), (Lstm, 4, 4), (MinGru, 0, 2)])
def test_the_floor_does_the_products_of_one_pass(family: type[Cell], recurrent: int, of_input: int) -> None:
    """Two operations per multiplication: forward, to the state, to the weights; the input has no gradient."""
    steps, batch, inputs, hidden = 5, 7, 2, 3
    floor = product_floor(family(inputs, hidden), steps, batch)
    assert floor is not None
    with FlopCounterMode(display=False) as counter:
        floor()
    rows = 2 * steps * batch
    expected = rows * hidden * (3 * recurrent * hidden + 2 * of_input * inputs)
    assert counter.get_total_flops() == expected


def test_a_concatenation_has_the_floor_of_its_parts() -> None:
    counts = []
    for family in (Gru, GruConcat):
        floor = product_floor(family(2, 3), 5, 7)
        assert floor is not None
        with FlopCounterMode(display=False) as counter:
            floor()
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1]
