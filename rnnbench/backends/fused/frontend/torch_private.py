"""What the trace uses of torch beside its public interface; `tests/backends/fused/test_torch_private.py` watches it.

There is no public access to a module's hooks, to those of all modules, or to the dictionaries of its tensors.
"""

from typing import Any

from torch import nn
from torch.nn.modules import module as torch_module

TENSOR_DICTIONARIES = ("_parameters", "_buffers")
"""The attributes of a module that hold its own parameters and buffers by name."""

GLOBAL_HOOKS: dict[str, dict[Any, Any]] = {
    name: hooks for name, hooks in vars(torch_module).items() if name.startswith("_global_") and isinstance(hooks, dict)
}
"""The hooks that every module runs, by the names of their dictionaries."""

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def has_hooks(module: nn.Module) -> bool:
    """Whether a call of the module would run hooks."""
    return any(getattr(module, hooks) for hooks in _HOOKS)


def has_global_hooks() -> bool:
    """Whether a call of any module would run hooks."""
    return any(GLOBAL_HOOKS[f"_global{hooks}"] for hooks in _HOOKS)
