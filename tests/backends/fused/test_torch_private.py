"""The private pieces of torch that tracing rests on are where they were, and mean what they meant."""

import importlib

import pytest
import torch
from torch import Tensor, fx, nn

MEND = "torch has moved it: mend rnnbench/backends/fused/frontend/torch_private.py, nothing else"


@pytest.mark.parametrize(("module", "name"), [("torch.fx._symbolic_trace", "PH"), ("torch", "_assert")])
def test_torch_has_what_the_trace_imports_of_it(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name), f"{module}.{name}: {MEND}"


@pytest.mark.parametrize(
    "name",
    ["_parameters", "_buffers", "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"],
)
def test_modules_have_the_dictionaries_that_the_trace_reads(name: str) -> None:
    assert isinstance(vars(nn.Linear(1, 1)).get(name), dict), f"torch.nn.Module.{name}: {MEND}"


def test_tensors_hang_in_the_dictionaries() -> None:
    from rnnbench.backends.fused.frontend import torch_private

    module = nn.BatchNorm1d(3)
    parameters, buffers = (vars(module)[name] for name in torch_private.TENSOR_DICTIONARIES)
    assert "weight" in parameters
    assert "running_mean" in buffers


def test_placeholders_are_traced_and_other_arguments_are_checked() -> None:
    from rnnbench.backends.fused.frontend import torch_private

    class Sum(nn.Module):
        def forward(self, pair: tuple[Tensor, Tensor], scale: float) -> Tensor:
            return (pair[0] + pair[1]) * scale

    pair = (torch_private.PLACEHOLDER, torch_private.PLACEHOLDER)
    graph = fx.Tracer().trace(Sum(), concrete_args={"pair": pair, "scale": 2.0})
    assert [node.op for node in graph.nodes].count("placeholder") == 3
    assert torch_private.CHECK in [node.target for node in graph.nodes]


def test_every_kind_of_hook_is_seen() -> None:
    from rnnbench.backends.fused.frontend import torch_private

    kinds = ["forward_hook", "forward_pre_hook", "full_backward_hook", "full_backward_pre_hook"]
    for kind in kinds:
        linear = nn.Linear(2, 2)
        assert not torch_private.has_hooks(linear)
        handle = getattr(linear, f"register_{kind}")(lambda *arguments: None)
        assert torch_private.has_hooks(linear), kind
        handle.remove()
        assert not torch_private.has_hooks(linear)
    assert torch.is_tensor(linear(torch.zeros(1, 2)))
