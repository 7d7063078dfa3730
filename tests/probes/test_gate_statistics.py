"""Gate statistics against gates that are known because the weights are, and against explicit loops."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnbench.backends import Eager
from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.probes.gate_statistics import GateStatistics, time_constants
from rnnbench.tasks import Batch
from rnnbench.tasks.adding import Adding
from tests.probes.references import ComplexDiagonal, MatrixMemory, model_of

TASK = Adding(length=12)
KEPT = [0.05, 0.5, 0.99, 0.8]


class Leaky(Cell):
    """A leaky integrator with a learned constant gate per unit: h' = a h + (1 - a) W x, a = sigma(s)."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W = self.input_map()
        self.s = nn.Parameter(torch.zeros(hidden_size))

    def step(self, x: Tensor, state: State) -> State:
        a = torch.sigmoid(self.s)
        return (a * state[0] + (1 - a) * self.W(x),)


def drawn_batch() -> Batch:
    return TASK.draw(5, torch.Generator().manual_seed(2))


def test_constant_gates_by_hand() -> None:
    """The leaky integrator's only gate is sigma(s): one unit below 0.1, one above 0.9."""
    model = model_of(Leaky)
    with torch.no_grad():
        model.cells[0].get_parameter("s").copy_(torch.logit(torch.tensor(KEPT, dtype=torch.float64)))
    measurement = GateStatistics().measure(model, TASK, drawn_batch())
    np.testing.assert_allclose(measurement.arrays["time_constant"][0, 0], -1 / np.log(KEPT), rtol=1e-4)
    # In order 0.33, 1.44, 4.48 and 99.5 steps, of which the last is above the sequence's 12.
    assert measurement.scalars["time_constant"] == pytest.approx(-1 / math.log(0.5), rel=1e-4)
    assert measurement.scalars["time_constant_lower_quartile"] == pytest.approx(-1 / math.log(0.05), rel=1e-4)
    assert measurement.scalars["time_constant_upper_quartile"] == pytest.approx(-1 / math.log(0.8), rel=1e-4)
    assert measurement.scalars["time_constant_beyond_sequence_fraction"] == 0.25
    assert measurement.arrays["gate_closed_fraction"].tolist() == [[1, 0, 0, 0]]
    assert measurement.arrays["gate_open_fraction"].tolist() == [[0, 0, 1, 0]]
    assert measurement.scalars["gate_closed_fraction"] == measurement.scalars["gate_open_fraction"] == 0.25


def test_a_gru_by_an_explicit_loop() -> None:
    """Gates large enough to saturate now and then, two layers, in float64."""
    model, batch = model_of(Gru, layers=2).double(), drawn_batch()
    with torch.no_grad():
        for cell in model.cells:
            for parameter in cell.parameters():
                parameter *= 6
    batch = Batch(batch.inputs.double(), batch.targets.double())
    arrays = GateStatistics().measure(model, TASK, batch).arrays
    sequence = batch.inputs
    for layer, cell in enumerate(model.cells):
        assert isinstance(cell, Gru)
        outputs, _ = Eager().run(cell, sequence, cell.initial_state(5))
        before = torch.cat([torch.zeros(1, 5, 4), outputs[:-1]])
        r = torch.sigmoid(cell.W_r(sequence) + cell.U_r(before)).detach().numpy()
        z = torch.sigmoid(cell.W_z(sequence) + cell.U_z(before)).detach().numpy()
        gates = np.concatenate([r, z], axis=2)
        np.testing.assert_allclose(
            arrays["time_constant"][layer, 0], -1 / np.log((1 - z).mean(axis=(0, 1))), rtol=1e-10
        )
        np.testing.assert_allclose(arrays["gate_closed_fraction"][layer], (gates < 0.1).mean(axis=(0, 1)), rtol=1e-12)
        np.testing.assert_allclose(arrays["gate_open_fraction"][layer], (gates > 0.9).mean(axis=(0, 1)), rtol=1e-12)
        by_gate = np.stack([r, z])
        for name, values in (("mean", by_gate), ("closed", by_gate < 0.1), ("open", by_gate > 0.9)):
            np.testing.assert_allclose(arrays[f"gate_{name}"][layer], values.mean(axis=(2, 3)), rtol=1e-12)
        assert arrays["largest"][layer, 0] == float(outputs.detach().abs().max())
        sequence = outputs
    assert arrays["gate_closed_fraction"].any()
    assert arrays["gate_open_fraction"].any()


def test_a_vanilla_rnn_has_no_time_constants_and_no_gates() -> None:
    measurement = GateStatistics().measure(model_of(Rnn), TASK, drawn_batch())
    assert measurement.arrays["gate_open_fraction"].shape == (1, 0)
    assert np.isnan(measurement.arrays["time_constant"]).all()
    largest = measurement.scalars["largest_h"]
    assert 0 < largest < 1
    assert all(math.isnan(value) for name, value in measurement.scalars.items() if name != "largest_h")
    assert set(measurement.scalars) == set(GateStatistics.columns)
    assert set(measurement.arrays) == set(GateStatistics.axes)


def test_time_constants_by_hand() -> None:
    kept = torch.tensor([0.0, math.exp(-1), math.exp(-0.01), 1.0, 1.5, math.nan], dtype=torch.float64)
    np.testing.assert_allclose(time_constants(kept).numpy(), [0, 1, 100, math.inf, math.inf, math.nan], rtol=1e-12)


def test_padding_counts_for_nothing() -> None:
    """Two examples, the second cut to 3 of 6 steps: as the first alone and the second's 3 steps alone."""
    model, generator = model_of(Lstm), torch.Generator().manual_seed(3)
    inputs = torch.randn(6, 2, 2, generator=generator)
    inputs[3:, 1] = 50
    together = Batch(inputs, torch.zeros(1, 2, 1), lengths=torch.tensor([6, 3]))
    apart = [Batch(inputs[:, :1], torch.zeros(1, 1, 1)), Batch(inputs[:3, 1:], torch.zeros(1, 1, 1))]
    whole = GateStatistics().measure(model, TASK, together).arrays
    long, short = (GateStatistics().measure(model, TASK, batch).arrays for batch in apart)
    for name in ("gate_open_fraction", "gate_closed_fraction"):
        np.testing.assert_allclose(whole[name], (6 * long[name] + 3 * short[name]) / 9, rtol=1e-6)
    np.testing.assert_allclose(whole["gate_mean"][0, :, 3:], long["gate_mean"][0, :, 3:], rtol=1e-6)
    kept = [np.exp(-1 / arrays["time_constant"][0, 1]) for arrays in (whole, long, short)]
    np.testing.assert_allclose(kept[0], (6 * kept[1] + 3 * kept[2]) / 9, rtol=1e-6)
    np.testing.assert_allclose(whole["largest"], np.maximum(long["largest"], short["largest"]), rtol=1e-6)


def test_time_constants_of_a_matrix_and_of_complex_numbers() -> None:
    """The matrix keeps f, which a fixed bias sets, in each of its numbers; the complex state keeps |a|."""
    model = model_of(MatrixMemory, 3)
    with torch.no_grad():
        gates: Any = model.cells[0].gates
        gates.weight.zero_()
        gates.bias.copy_(torch.tensor([0.0, 2.0]))
    found = GateStatistics().measure(model, TASK, drawn_batch()).arrays["time_constant"]
    assert found.shape == (1, 2, 9)
    assert np.isnan(found[0, 0]).all()
    np.testing.assert_allclose(found[0, 1], -1 / np.log(1 / (1 + np.exp(-2.0))), rtol=1e-5)
    of_complex = GateStatistics().measure(model_of(ComplexDiagonal, 3), TASK, drawn_batch()).arrays["time_constant"]
    np.testing.assert_allclose(of_complex[0, 1], np.exp(1.0), rtol=1e-5)  # |a| = exp(-exp(-1))
