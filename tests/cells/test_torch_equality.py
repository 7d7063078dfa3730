"""rnn, lstm and gru_torch are torch.nn.RNN, LSTM and GRU: outputs and all gradients, in float64."""

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from rnnbench.backends import Eager
from rnnbench.cells import Cell
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn

INPUT, HIDDEN, STEPS, BATCH = 3, 5, 9, 4
CASES: dict[str, tuple[Cell, nn.RNNBase, tuple[str, ...]]] = {
    "rnn": (Rnn(INPUT, HIDDEN), nn.RNN(INPUT, HIDDEN), ("",)),
    "rnn_relu": (Rnn(INPUT, HIDDEN, activation="relu"), nn.RNN(INPUT, HIDDEN, nonlinearity="relu"), ("",)),
    "lstm": (Lstm(INPUT, HIDDEN), nn.LSTM(INPUT, HIDDEN), ("_i", "_f", "_g", "_o")),
    "gru_torch": (GruTorch(INPUT, HIDDEN), nn.GRU(INPUT, HIDDEN), ("_r", "_z", "_n")),
}


def stacked(cell: Cell, gates: tuple[str, ...]) -> dict[str, Tensor]:
    """The cell's weights in torch's documented layout and gate order, zeros for biases that it has not."""
    parameters = dict(cell.named_parameters())
    zeros = torch.zeros(HIDDEN, dtype=torch.float64)
    found = {}
    for letter, kind in (("W", "ih"), ("U", "hh")):
        found[f"weight_{kind}_l0"] = torch.cat([parameters[f"{letter}{gate}.weight"] for gate in gates])
        found[f"bias_{kind}_l0"] = torch.cat([parameters.get(f"{letter}{gate}.bias", zeros) for gate in gates])
    return found


@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients_equal_torch_nn(case: str) -> None:
    cell, reference, gates = CASES[case]
    generator = torch.Generator().manual_seed(0)

    def randn(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, dtype=torch.float64).requires_grad_()

    for parameter in cell.double().parameters():
        nn.init.uniform_(parameter, -0.7, 0.7, generator=generator)
    inputs, state = randn(STEPS, BATCH, INPUT), tuple(randn(BATCH, HIDDEN) for _ in cell.state_names)
    outputs, final = Eager().run(cell, inputs, state)

    start = tuple(tensor.unsqueeze(0) for tensor in state)
    arguments = (inputs, start if len(start) > 1 else start[0])
    expected, last = functional_call(reference, stacked(cell, gates), arguments)
    last = tuple(tensor[0] for tensor in last) if isinstance(last, tuple) else (last[0],)
    torch.testing.assert_close((outputs, *final), (expected, *last), rtol=1e-12, atol=1e-14)

    weights, leaves = randn(STEPS, BATCH, HIDDEN).detach(), (inputs, *state, *cell.parameters())
    found, wanted = (
        torch.autograd.grad((of_steps * weights).sum() + sum(tensor.square().sum() for tensor in at_end), leaves)
        for of_steps, at_end in ((outputs, final), (expected, last))
    )
    torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-13)


def test_forget_bias_one_is_torch_with_the_bias_moved() -> None:
    cell, left = Lstm(INPUT, HIDDEN), Lstm(INPUT, HIDDEN, forget_bias=None)
    for each in (cell, left):
        each.initialise(torch.Generator().manual_seed(0))
    assert torch.equal(cell.W_f.bias, torch.ones(HIDDEN))
    assert left.W_f.bias.abs().max() < HIDDEN**-0.5
    assert torch.equal(left.W_i.weight, cell.W_i.weight)
