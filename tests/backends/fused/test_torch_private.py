"""The private pieces of torch that tracing rests on are where they were, and mean what they meant."""

import pytest
from torch import nn
from torch.nn.modules import module as torch_module

MEND = "torch has moved it: mend rnnbench/backends/fused/frontend/torch_private.py, nothing else"


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
        handle = getattr(torch_module, f"register_module_{kind}")(lambda *arguments: None)
        assert torch_private.has_global_hooks(), kind
        handle.remove()
        assert not torch_private.has_global_hooks()
