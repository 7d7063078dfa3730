"""The tensors and hooks of a cell, where torch keeps them, and blocks that leave them and the generators as they were.

There is no public access to a module's hooks, to those of all modules, or to the dictionaries of its tensors: what this
takes from torch's private modules, the tests of hooks in tests/backends/fused/test_unsupported.py watch.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.random import fork_rng

TENSOR_DICTIONARIES = ("_parameters", "_buffers")
"""The attributes of a module that hold its own parameters and buffers by name."""

GLOBAL_HOOKS: dict[str, dict[Any, Any]] = {
    name: hooks for name, hooks in vars(torch_module).items() if name.startswith("_global_") and isinstance(hooks, dict)
}
"""The hooks that every module runs, by the names of their dictionaries."""

CALL_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
"""The attributes of a module that hold what a call of it runs."""


def tensors_of(cell: nn.Module) -> list[tuple[str, Tensor]]:
    """Every tensor of a cell with its path, plain attributes included."""
    found = [*cell.named_parameters(remove_duplicate=False), *cell.named_buffers(remove_duplicate=False)]
    for prefix, module in cell.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor):
                found.append((f"{prefix}.{name}" if prefix else name, value))
    return found


form_of: Callable[[Tensor], tuple[Any, ...]] = attrgetter("dtype", "device", "shape")
"""What a tensor is, its numbers aside."""


def same_numbers(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are of one form and equal, NaN equal to NaN."""
    if form_of(one) != form_of(other):
        return False
    return torch.equal(one, other) or bool(((one == other) | ((one != one) & (other != other))).all())


@contextmanager
def generators_kept() -> Iterator[None]:
    """A block after which the global generators of torch, NumPy and Python are where they were."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - a step may use it
    try:
        with fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def tensors_kept(cell: nn.Module) -> Iterator[dict[int, Tensor]]:
    """A block after which the cell's tensors have the numbers and gradients that they had, and ask for the same.

    In it are the numbers by the tensors' ids. They are put back past autograd, which may keep a tensor for a backward
    pass.
    """
    distinct = {id(tensor): tensor for _, tensor in tensors_of(cell)}.values()
    known = [(tensor, tensor.detach().clone(), tensor.requires_grad, tensor.grad) for tensor in distinct]
    try:
        yield {id(tensor): numbers for tensor, numbers, *_ in known}
    finally:
        for tensor, numbers, wanted, gradient in known:
            if tensor.is_leaf:
                tensor.requires_grad_(wanted)
                tensor.grad = gradient
            if not same_numbers(tensor.detach(), numbers):
                tensor.data.copy_(numbers)
