"""A step with some of its gates held at a value."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from rnnbench.cells.retention import SIGMOIDS


class Forced(TorchFunctionMode):
    """While it is entered, the k-th sigmoid that is computed gives the value named for k, whatever its argument.

    Sigmoids are counted from 0 in the order in which `step` computes them; enter it anew for every step.
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
