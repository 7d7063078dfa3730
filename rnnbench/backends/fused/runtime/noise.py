"""Random numbers of a run, from torch's generator in the order in which the plain loop draws them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from rnnbench.backends.fused.ir.nodes import Noise

DRAWS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "rand": lambda like, _: torch.rand_like(like),
    "randn": lambda like, _: torch.randn_like(like),
    "dropout": lambda like, p: functional.dropout(torch.ones_like(like), p),
    "bernoulli": lambda like, p: torch.bernoulli(torch.full_like(like, p)),
    "bernoulli_of": lambda like, p: torch.bernoulli(like, p),
}
"""What a `Noise` node can be, drawn in the shape of a tensor."""


def draw_noise(kinds: Sequence[Noise], steps: int, batch: int, dtype: torch.dtype) -> list[Tensor]:
    """Numbers (steps, batch, width) for each of the nodes, those of a step drawn before those of the next."""
    found = [torch.empty(steps, batch, kind.width or 1, dtype=dtype) for kind in kinds]
    for step in range(steps):
        for kind, numbers in zip(kinds, found, strict=True):
            numbers[step] = DRAWS[kind.draw](torch.zeros_like(numbers[step]), kind.setting)
    return found
