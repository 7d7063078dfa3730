"""A model in double precision for measurements: gradients are told from zero over 300 decades instead of 30."""

import copy
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch.overrides import TorchFunctionMode

from rnnbench.backends import Eager
from rnnbench.cells import Cell
from rnnbench.cells.states import double_cell, nested_tensors
from rnnbench.cells.states import in_double as widened
from rnnbench.model import Model
from rnnbench.tasks import Batch, Task

_copies: WeakKeyDictionary[Model, Model | None] = WeakKeyDictionary()
"""The copy of a model, whose loops are compiled once; None where a cell computes in another precision."""


def in_double(model: Model, task: Task, batch: Batch) -> tuple[Model, Batch]:
    """A copy of the model with its present weights and modes, and the batch, both in float64.

    The copy is made once and runs on the model's own backend, or on eager where that cannot run it. Model and batch are
    returned as they are where a cell or the task's loss cannot compute in float64; the dtype of the weights tells.
    """
    if all(tensor.dtype in (torch.float64, torch.complex128) for tensor in model.parameters()):
        return model, batch
    wide = Batch(**{
        name: tensor.double() if tensor is not None and tensor.is_floating_point() else tensor
        for name, tensor in vars(batch).items()
    })  # fmt: skip
    if model not in _copies:
        _copies[model] = _copied(model, task, wide)
    if (copied := _copies[model]) is None:
        return model, batch
    with torch.no_grad():
        pairs = zip((*copied.parameters(), *copied.buffers()), (*model.parameters(), *model.buffers()), strict=True)
        for mine, theirs in pairs:
            mine.copy_(theirs)
    for part, original in zip(copied.modules(), model.modules(), strict=True):
        part.training = original.training
    copied.zero_grad()
    return copied, wide


def _copied(model: Model, task: Task, wide: Batch) -> Model | None:
    examples, weight = wide.inputs.shape[1], model.readout.weight
    outputs = torch.zeros(*wide.targets.shape[:2], len(weight), dtype=torch.double, device=weight.device)
    try:
        copied = double_cell(copy.deepcopy(model))
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            if not all(_steps_in_double(cell, examples) for cell in copied.cells):
                return None
            task.losses(outputs.requires_grad_(), wide).sum().backward()
    except Exception:  # whatever a custom cell or loss raises for numbers of two precisions
        return None
    for cell in copied.cells:
        if copied.backend.unsupported_reason(cell) or copied.backend.failed_check(cell):
            copied.backend = Eager()
    return copied


def _steps_in_double(cell: Cell, examples: int) -> bool:
    state = tuple(tensor.detach().requires_grad_() for tensor in cell.initial_state(examples))
    with _Narrower() as narrower:
        after = cell.step(cell.zeros(examples, cell.input_size), state)
    return not narrower.found and all(widened(tensor).dtype == tensor.dtype for tensor in (*state, *after))


class _Narrower(TorchFunctionMode):
    """Notices numbers with a gradient that are not in double precision."""

    found = False

    def __torch_function__(self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        self.found |= any(each.requires_grad and widened(each).dtype != each.dtype for each in nested_tensors(result))
        return result
