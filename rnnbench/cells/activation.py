"""The elementwise functions that a cell's settings name."""

from collections.abc import Callable

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


def named_activation(setting: str, name: str, allowed: tuple[str, str]) -> Callable[[Tensor], Tensor]:
    """The function of that name. Raises ValueError, naming the setting, when it is not one of the allowed two."""
    if name not in allowed:
        raise ValueError(f"{setting}={name}: must be {' or '.join(allowed)}")
    return ACTIVATIONS[name]
