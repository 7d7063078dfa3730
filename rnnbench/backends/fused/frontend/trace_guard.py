"""Guards of a trace: when what it depends on changes, `step` is traced again."""

from typing import Any

import torch
from torch import Tensor, nn

from rnnbench.backends.fused.frontend.torch_private import TENSOR_DICTIONARIES
from rnnbench.cells import Cell


class TraceGuard:
    """The modules of a cell, their attributes and hooks, and the form of their tensors, as they were.

    Checked before every run, so it is kept cheap: dictionaries are compared as wholes.
    """

    def __init__(self, cell: Cell) -> None:
        self.modules = [(vars(module), _copied(vars(module))) for module in cell.modules()]
        self.form = self._form_now()

    def hold(self) -> bool:
        """Whether nothing has changed since."""
        try:
            unchanged = all(now == then for now, then in self.modules)
        except (RuntimeError, ValueError):  # another tensor or array, whose comparison is not one truth value
            return False
        return unchanged and self.form == self._form_now()

    def restore(self) -> None:
        """Put plain attributes back as they were."""
        for now, then in self.modules:
            now.update(then)

    def _form_now(self) -> list[tuple[torch.dtype, torch.device, torch.Size]]:
        """The types of the tensors, which `cell.double()` changes inside the tensors themselves."""
        return [
            (tensor.dtype, tensor.device, tensor.shape)
            for attributes, _ in self.modules
            for kind in TENSOR_DICTIONARIES
            for tensor in attributes[kind].values()
            if tensor is not None
        ]


def _copied(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes, and the containers among them as they are now."""
    copies = {name: value.copy() for name, value in attributes.items() if isinstance(value, (dict, list, set))}
    return {**attributes, **copies}


def tensors_of(cell: nn.Module) -> list[tuple[str, Tensor]]:
    """Every tensor of a cell with its path, plain attributes included."""
    found = [*cell.named_parameters(remove_duplicate=False), *cell.named_buffers(remove_duplicate=False)]
    for prefix, module in cell.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor):
                found.append((f"{prefix}.{name}" if prefix else name, value))
    return found
