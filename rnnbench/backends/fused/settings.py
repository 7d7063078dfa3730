"""What a trace of a cell depends on: when this changes, `step` is traced again."""

from typing import Any

from torch import Tensor

from rnnbench.cells import Cell

_PLAIN = (bool, int, float, str, type(None))


def settings_of(cell: Cell) -> tuple[Any, ...]:
    """The modules of a cell, their settings, hooks, and the shapes and types of their tensors, comparable by ==."""
    found: list[Any] = []
    for module in cell.modules():
        found.append(_Same(module))
        for name, value in vars(module).items():
            if name in ("_parameters", "_buffers"):
                found.append(tuple((key, _described(tensor)) for key, tensor in value.items()))
            elif name == "_modules":
                found.append(tuple(value))
            elif name.startswith("_"):
                found.append(len(value) if hasattr(value, "__len__") else _described(value))
            else:
                found.append((name, _described(value)))
    return tuple(found)


def _described(value: Any) -> Any:
    """Plain values by type and value, tensors by their form, containers by what they print, all else by identity."""
    if isinstance(value, _PLAIN):
        return (type(value), value)
    if isinstance(value, Tensor):
        return (value.shape, value.dtype, value.device)
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        return repr(value)
    return _Same(value)


class _Same:
    """Equal to itself alone, and holds what it stands for, so that its identity is not given away."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)
