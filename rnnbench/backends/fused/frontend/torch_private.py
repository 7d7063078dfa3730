"""What the trace uses of torch beside its public interface; `tests/backends/fused/test_torch_private.py` watches it.

There is no public way to pass `torch.fx.Tracer.trace` a tuple of proxies: `concrete_args` takes the placeholder `PH`
for each, which only the private module has. Nor is there public access to a module's hooks, to the dictionaries of its
tensors, or to the assertions that fx inserts for arguments which it specialises.
"""

from typing import Any

import torch
from torch import nn
from torch.fx._symbolic_trace import PH

PLACEHOLDER: Any = PH
"""In `concrete_args`, an argument that is traced rather than fixed."""

CHECK: Any = torch._assert
"""The function of a node that checks a fixed argument."""

TENSOR_DICTIONARIES = ("_parameters", "_buffers")
"""The attributes of a module that hold its own parameters and buffers by name."""

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def has_hooks(module: nn.Module) -> bool:
    """Whether a call of the module would run hooks."""
    return any(getattr(module, hooks) for hooks in _HOOKS)
