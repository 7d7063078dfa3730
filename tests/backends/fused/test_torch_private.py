"""The private pieces of torch that tracing rests on are where they were, and mean what they meant."""

import torch
from torch import Tensor, fx, nn

from rnnbench.backends.fused.frontend import torch_private


def test_torch_has_what_the_trace_imports_of_it() -> None:
    """Where this fails, torch has moved something: mend `frontend/torch_private.py`, nothing else."""
    module = nn.BatchNorm1d(3)
    for name in torch_private.TENSOR_DICTIONARIES:
        assert isinstance(vars(module)[name], dict), f"torch.nn.Module has no {name}"
    assert "weight" in vars(module)["_parameters"]
    assert "running_mean" in vars(module)["_buffers"]


def test_placeholders_are_traced_and_other_arguments_are_checked() -> None:
    class Sum(nn.Module):
        def forward(self, pair: tuple[Tensor, Tensor], scale: float) -> Tensor:
            return (pair[0] + pair[1]) * scale

    pair = (torch_private.PLACEHOLDER, torch_private.PLACEHOLDER)
    graph = fx.Tracer().trace(Sum(), concrete_args={"pair": pair, "scale": 2.0})
    assert [node.op for node in graph.nodes].count("placeholder") == 3
    assert torch_private.CHECK in [node.target for node in graph.nodes]


def test_every_kind_of_hook_is_seen() -> None:
    kinds = ["forward_hook", "forward_pre_hook", "full_backward_hook", "full_backward_pre_hook"]
    for kind in kinds:
        linear = nn.Linear(2, 2)
        assert not torch_private.has_hooks(linear)
        handle = getattr(linear, f"register_{kind}")(lambda *arguments: None)
        assert torch_private.has_hooks(linear), kind
        handle.remove()
        assert not torch_private.has_hooks(linear)
    assert torch.is_tensor(linear(torch.zeros(1, 2)))
