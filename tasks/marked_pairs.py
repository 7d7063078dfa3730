"""Hochreiter & Schmidhuber's sequences of marked pairs, which adding, multiplication and xor share.

Every step shows a pair: a value and a marker. One of the first ten pairs is marked with 1, then one of the first
length/2 - 1 still unmarked pairs; the first and the last pair have the marker -1 and all others 0. Where a mark falls
on the first pair, its marker stays -1 and its value is set to the task's neutral element, so that the values marked
with 1 alone still give the target. Sequences have length to length + length/10 pairs, all equally likely, and are
padded with zeros.

Source: Hochreiter & Schmidhuber (1997), sections 5.4 and 5.5. Where the text leaves room: the first length/2 - 1 still
unmarked pairs are counted among the unmarked, so the second mark may fall on pair length/2, which gives the paper's
minimal lag of length/2; and the neutral value stands for whichever of the two marks meets the first pair. Divisions of
odd lengths round down.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

FIRST_WINDOW = 10
SHORTEST_LENGTH = 2 * FIRST_WINDOW


def draw_marked_pairs(
    draw_values: Callable[[int, int], Float[Tensor, "time batch"]],
    neutral: float,
    length: int,
    batch_size: int,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "time batch 2"], Float[Tensor, "2 batch"], Int[Tensor, " batch"]]:
    """Return the padded sequences, the two marked values of each, and their lengths; time is length + length/10."""
    steps = length + length // 10
    values = draw_values(steps, batch_size)
    lengths = torch.randint(length, steps + 1, (batch_size,), generator=generator)
    first = torch.randint(0, FIRST_WINDOW, (1, batch_size), generator=generator)
    second = torch.randint(0, length // 2 - 1, (1, batch_size), generator=generator)
    marked = torch.cat([first, second + (second >= first)])

    values[0] = values[0].where((marked > 0).all(0), neutral)
    markers = torch.zeros_like(values).scatter_(0, marked, 1)
    markers[0] = -1
    markers.scatter_(0, lengths.unsqueeze(0) - 1, -1)
    real = torch.arange(steps).unsqueeze(1) < lengths
    pairs = torch.stack([values, markers], dim=2) * real.unsqueeze(2)
    return pairs, values.gather(0, marked), lengths


def check_length(length: int) -> None:
    """Raise ValueError for a length whose first half cannot hold the first ten pairs."""
    if length < SHORTEST_LENGTH:
        raise ValueError(f"length={length}: must be at least {SHORTEST_LENGTH} (the first ten pairs in the first half)")


def first_pair_marked(length: int) -> float:
    """The share of sequences one of whose marks falls on the first pair: 1/10 by the first, the rest by the second."""
    by_first = 1 / FIRST_WINDOW
    return by_first + (1 - by_first) / (length // 2 - 1)
