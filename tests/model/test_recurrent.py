"""A cell as a layer of one's own model."""

import pytest
import torch
from torch import nn

from rnnbench import Recurrent, gradient_through_time
from rnnbench.cells.gru_torch import GruTorch


@pytest.mark.parametrize("backend", ["auto", "fused", "torch", "eager"])
def test_it_is_the_gru_of_torch_with_the_same_weights(backend: str) -> None:
    layer = Recurrent(GruTorch(3, 5), backend)
    equal = layer.cell.torch_equivalent()
    assert equal is not None
    theirs = nn.GRU(3, 5)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(torch.cat([each.weight for each in equal.input_maps]))
        theirs.weight_hh_l0.copy_(torch.cat([each.weight for each in equal.recurrent_maps]))
        theirs.bias_ih_l0.copy_(torch.cat([each.bias for each in equal.input_maps]))
        theirs.bias_hh_l0.copy_(torch.cat([each.bias for each in equal.recurrent_maps]))
    inputs, start = torch.randn(7, 2, 3), torch.randn(2, 5)
    outputs, (final,) = layer(inputs, (start,))
    expected, last = theirs(inputs, start.unsqueeze(0))
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(final, last[0])
    first, _ = layer(inputs)
    torch.testing.assert_close(first, theirs(inputs)[0])


def test_its_weights_are_trained() -> None:
    layer = Recurrent(GruTorch(3, 5))
    layer(torch.randn(4, 2, 3))[0].sum().backward()
    assert {name for name, _ in layer.named_parameters()} == {
        f"cell.{name}" for name, _ in layer.cell.named_parameters()
    }
    assert all(parameter.grad is not None for parameter in layer.parameters())


def test_its_gradient_through_time_is_measured_step_by_step() -> None:
    layer, inputs = Recurrent(GruTorch(3, 5)), torch.randn(4, 2, 3)
    found = gradient_through_time(layer, lambda: layer(inputs)[0][-1].square().sum(1))
    assert found.norms["cell"].shape == (4,)
    assert (found.norms["cell"] > 0).all()
    assert layer.backend.name == "fused"
