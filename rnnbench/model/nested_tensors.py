"""The tensors among a torch function's arguments or results."""

from typing import Any

from torch import Tensor


def nested_tensors(value: Any) -> list[Tensor]:
    """The tensors in a value, also inside its tuples, lists and dictionaries at any depth, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return []
    return [tensor for element in value for tensor in nested_tensors(element)]
