"""A cell as a layer of your own model."""

import io
import warnings
from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from rnnbench import Recurrent
from rnnbench.backends import Eager
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm


@pytest.mark.parametrize("backend", ["auto", "fused", "torch", "eager"])
def test_it_is_the_loop_over_the_cells_step(backend: str) -> None:
    layer, inputs, start = Recurrent(GruTorch(3, 5), backend), torch.randn(7, 2, 3), (torch.randn(2, 5),)
    expected, (last,) = Eager().run(layer.cell, inputs, start)
    outputs, (final,) = layer(inputs, start)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(final, last)
    torch.testing.assert_close(layer(inputs)[0], Eager().run(layer.cell, inputs, (torch.zeros(2, 5),))[0])


def both() -> tuple[Recurrent, Recurrent]:
    """The same cell on auto, which compiles it, and as the plain loop."""
    layer = Recurrent(Lstm(3, 5))
    assert layer.backend.name == "fused"
    return layer, Recurrent(layer.cell, "eager")


def test_torch_compile_leaves_it_as_it_is() -> None:
    layer, plain = both()
    head, inputs = nn.Linear(5, 1), torch.randn(6, 2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of torch's compiler
        compiled = torch.compile(lambda x: head(layer(x)[0]).sum(), backend="eager")
        loss = compiled(inputs)
    found = torch.autograd.grad(loss, list(layer.parameters()))
    expected = torch.autograd.grad(head(plain(inputs)[0]).sum(), list(layer.parameters()))
    torch.testing.assert_close(found, expected)


def in_autocast(layer: Recurrent, inputs: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return layer(inputs)[0]


def with_weights(layer: Recurrent, inputs: Tensor) -> Tensor:
    doubled = {name: 2 * parameter for name, parameter in layer.named_parameters()}
    outputs: Tensor = torch.func.functional_call(layer, doubled, (inputs,))[0]
    return outputs


def in_place(layer: Recurrent, inputs: Tensor) -> Tensor:
    return layer(inputs)[0].mul_(3).add_(1)


@pytest.mark.parametrize("call", [in_autocast, with_weights, in_place])
def test_auto_computes_what_the_plain_loop_does(call: Callable[[Recurrent, Tensor], Tensor]) -> None:
    layer, plain = both()
    inputs = torch.randn(6, 2, 3)
    outputs = [call(each, inputs) for each in (layer, plain)]
    torch.testing.assert_close(*outputs)
    found = [torch.autograd.grad(each.square().sum(), list(layer.parameters())) for each in outputs]
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_another_dtype(dtype: torch.dtype) -> None:
    layer, plain = both()
    layer.to(dtype)
    inputs = torch.randn(6, 2, 3).to(dtype)
    fallback = pytest.warns(RuntimeWarning, match="backend=eager") if dtype == torch.bfloat16 else nullcontext()
    with fallback:
        found = layer(inputs)
    torch.testing.assert_close(found, plain(inputs))


@pytest.mark.parametrize("backend", ["auto", "eager", "torch"])
def test_wrong_inputs_are_one_line(backend: str) -> None:
    layer, inputs = Recurrent(GruTorch(3, 5), backend), torch.randn(6, 2, 3)
    for arguments, message in (
        ((inputs[:, 0],), r"inputs of shape \(6, 3\): must be \(time, batch, features\)"),
        ((inputs[..., :2],), "inputs of width 2: the cell takes input_size=3"),
        ((inputs, torch.zeros(2, 5)), r"state is a Tensor: must be a tuple of the cell's tensors, \(h,\)"),
        ((inputs, (torch.zeros(2, 5),) * 2), "state is 2 tensors"),
    ):
        with pytest.raises(ValueError, match=message):
            layer(*arguments)


def test_saved_outputs_take_their_own_size() -> None:
    layer, _ = both()
    outputs, file = layer(torch.randn(60, 8, 3))[0].detach(), io.BytesIO()
    torch.save(outputs, file)
    assert file.tell() < outputs.nbytes + 4096
