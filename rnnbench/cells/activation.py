"""The activation functions that a cell's settings name."""

from collections.abc import Callable

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}


def activation_named(name: str) -> Callable[[Tensor], Tensor]:
    """The activation of that name. Raises ValueError for another name."""
    if name not in ACTIVATIONS:
        raise ValueError(f"activation={name}: must be {' or '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
