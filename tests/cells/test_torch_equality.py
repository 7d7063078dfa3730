"""rnn, lstm and gru_torch are torch.nn.RNN, LSTM and GRU: outputs and all gradients, in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rnnbench.backends import Eager
from rnnbench.cells import Cell
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn

INPUT, HIDDEN, STEPS, BATCH = 3, 5, 9, 4

CASES: dict[str, tuple[Callable[[], Cell], Callable[[], nn.RNNBase], str]] = {
    "rnn": (lambda: Rnn(INPUT, HIDDEN), lambda: nn.RNN(INPUT, HIDDEN), " "),
    "rnn_relu": (
        lambda: Rnn(INPUT, HIDDEN, activation="relu"),
        lambda: nn.RNN(INPUT, HIDDEN, nonlinearity="relu"),
        " ",
    ),
    "lstm": (lambda: Lstm(INPUT, HIDDEN), lambda: nn.LSTM(INPUT, HIDDEN), "ifgo"),
    "gru_torch": (lambda: GruTorch(INPUT, HIDDEN), lambda: nn.GRU(INPUT, HIDDEN), "rzn"),
}


def load(cell: Cell, reference: nn.RNNBase, gates: str) -> None:
    """Copy torch.nn's stacked weights into the cell's maps, in torch's documented gate order."""
    maps = dict(cell.named_modules())
    with torch.no_grad():
        for side, kind in (("W", "ih"), ("U", "hh")):
            weights = getattr(reference, f"weight_{kind}_l0").chunk(len(gates))
            biases = getattr(reference, f"bias_{kind}_l0").chunk(len(gates))
            for gate, weight, bias in zip(gates, weights, biases, strict=True):
                linear = maps[f"{side}_{gate}".removesuffix("_ ")]
                assert isinstance(linear, nn.Linear)
                linear.weight.copy_(weight)
                if linear.bias is not None:
                    linear.bias.copy_(bias)
                else:
                    bias.zero_()


def gradients(cell: Cell, gates: str) -> dict[str, Tensor]:
    """The cell's gradients, stacked as torch.nn stacks them."""
    maps = dict(cell.named_modules())
    stacked = {}
    for side, kind in (("W", "ih"), ("U", "hh")):
        linears = [maps[f"{side}_{gate}".removesuffix("_ ")] for gate in gates]
        stacked[f"weight_{kind}_l0"] = torch.cat([linear.weight.grad for linear in linears])
        if linears[0].bias is not None:
            stacked[f"bias_{kind}_l0"] = torch.cat([linear.bias.grad for linear in linears])
    return stacked


@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients_equal_torch_nn(case: str) -> None:
    make_cell, make_reference, gates = CASES[case]
    generator = torch.Generator().manual_seed(0)
    cell, reference = make_cell().double(), make_reference().double()
    for parameter in reference.parameters():
        nn.init.uniform_(parameter, -0.7, 0.7, generator=generator)
    load(cell, reference, gates)
    inputs = torch.randn(STEPS, BATCH, INPUT, generator=generator, dtype=torch.float64, requires_grad=True)
    state = tuple(
        torch.randn(BATCH, HIDDEN, generator=generator, dtype=torch.float64, requires_grad=True)
        for _ in cell.state_names
    )
    weights = torch.randn(STEPS, BATCH, HIDDEN, generator=generator, dtype=torch.float64)

    outputs, final = Eager().run(cell, inputs, state)
    ((outputs * weights).sum() + sum(tensor.square().sum() for tensor in final)).backward()
    own = [inputs.grad, *(tensor.grad for tensor in state)]
    inputs.grad = None
    for tensor in state:
        tensor.grad = None

    stacked = tuple(tensor.unsqueeze(0) for tensor in state)
    expected, last = reference(inputs, stacked if len(stacked) > 1 else stacked[0])
    last = last if isinstance(last, tuple) else (last,)
    ((expected * weights).sum() + sum(tensor.square().sum() for tensor in last)).backward()

    torch.testing.assert_close(outputs, expected, rtol=1e-12, atol=1e-14)
    for tensor, wanted in zip(final, last, strict=True):
        torch.testing.assert_close(tensor, wanted.squeeze(0), rtol=1e-12, atol=1e-14)
    for gradient, wanted in zip(own, [inputs.grad, *(tensor.grad for tensor in state)], strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-11, atol=1e-13)
    for name, gradient in gradients(cell, gates).items():
        torch.testing.assert_close(gradient, getattr(reference, name).grad, rtol=1e-11, atol=1e-13)


def test_forget_bias_one_is_torch_with_the_bias_moved() -> None:
    cell = Lstm(INPUT, HIDDEN)
    cell.initialise(torch.Generator().manual_seed(0))
    assert torch.equal(cell.W_f.bias, torch.ones(HIDDEN))
    left = Lstm(INPUT, HIDDEN, forget_bias=None)
    left.initialise(torch.Generator().manual_seed(0))
    assert left.W_f.bias.abs().max() < HIDDEN**-0.5
    assert torch.equal(left.W_i.weight, cell.W_i.weight)
