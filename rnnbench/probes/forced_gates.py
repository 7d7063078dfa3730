"""A step with some of its gates held at a fixed value."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from rnnbench.probes.retention import SIGMOIDS


class ForcedGates(TorchFunctionMode):
    """While this mode is active, the k-th sigmoid returns `values[k]`, where there is one, whatever its argument.

    Sigmoids are counted from 0 in the order in which `step` computes them. Enter a new mode for every step.
    """

    def __init__(self, values: Mapping[int, float]) -> None:
        super().__init__()
        self.values = values
        self.count = 0

    def __torch_function__(self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in SIGMOIDS:
            value = self.values.get(self.count)
            self.count += 1
            if value is not None:
                return torch.full_like(result, value)
        return result
