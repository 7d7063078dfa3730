"""The model against hand-stacked loops: layers, the scored window, and where its weights come from."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.errors import SettingError
from rnnbench.model import Model
from tests.drawn import normal
from tests.probes.references import Tally, model_of

INPUT, HIDDEN, OUTPUT, BATCH, STEPS = 3, 5, 4, 3, 6
CELLS = [(Rnn, "auto"), (Gru, "eager"), (Lstm, "torch")]


def built(make_cell: Callable[[int, int], Cell], layers: int = 2, backend: str = "auto", seed: int = 0) -> Model:
    sizes = {"input_size": INPUT, "output_size": OUTPUT}
    return model_of(make_cell, HIDDEN, layers, backend=backend, seed=seed, **sizes)


def outputs_by_hand(model: Model, inputs: Tensor) -> Tensor:
    """All layers step by step, as in h1_t = cell1(x_t, h1_{t-1}), h2_t = cell2(h1_t, h2_{t-1}), y_t = V h2_t + b."""
    states = [tuple(torch.zeros(BATCH, HIDDEN).double() for _ in cell.state_names) for cell in model.cells]
    outputs = []
    for x in inputs:
        signal = x
        for layer, cell in enumerate(model.cells):
            states[layer] = cell.step(signal, states[layer])
            signal = states[layer][0]
        outputs.append(signal @ model.readout.weight.T + model.readout.bias)
    return torch.stack(outputs)


@pytest.mark.parametrize(("make_cell", "backend"), CELLS)
@pytest.mark.parametrize("layers", [1, 3])
def test_layers_are_stacked_as_by_hand(make_cell: Callable[..., Cell], backend: str, layers: int) -> None:
    """With the same gradients."""
    model = built(make_cell, layers, backend).double()
    inputs = normal(STEPS, BATCH, INPUT)
    assert 0.7 * HIDDEN**-0.5 < model.readout.weight.abs().max() < HIDDEN**-0.5
    assert [cell.input_size for cell in model.cells] == [INPUT, *[HIDDEN] * (layers - 1)]
    expected = outputs_by_hand(model, inputs)
    outputs = model(inputs, STEPS)
    torch.testing.assert_close(outputs, expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(model(inputs, 2), expected[-2:], rtol=1e-12, atol=1e-14)
    parameters = list(model.parameters())
    actual_gradients = torch.autograd.grad(outputs.square().sum(), parameters)
    for actual, reference in zip(
        actual_gradients, torch.autograd.grad(expected.square().sum(), parameters), strict=True
    ):
        torch.testing.assert_close(actual, reference, rtol=1e-11, atol=1e-13)


def returning(*state: Tensor) -> type[Cell]:
    """A cell with these tensors as its first state, for a batch of 2."""

    class Odd(Tally):
        def initial_state(self, batch_size: int) -> State:
            return state

    return Odd


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([torch.zeros(2, 5)], "Odd: initial_state returns 1 tensors; state_names has h, n; name each"),
        ([torch.zeros(2, 5), torch.zeros(2, dtype=torch.long)], "Odd: state tensor n is torch.int64"),
        ([torch.zeros(2, 5), torch.zeros(3, 2)], r"Odd: state tensor n is torch.float32 of shape \(3, 2\) for"),
        ([torch.zeros(2, 4), torch.zeros(2)], r"Odd: state tensor h .*h, the output, real and \(2, 5\)$"),
    ],
)
def test_a_state_of_another_form_is_refused_by_name(state: list[Tensor], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        built(returning(*state))
