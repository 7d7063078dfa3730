"""The streams of a seed."""

from dataclasses import fields

import torch

from rnnbench.training.randomness import Streams

NAMES = [each.name for each in fields(Streams)]


def numbers(streams: Streams) -> list[tuple[float, ...]]:
    return [tuple(torch.rand(3, generator=getattr(streams, name)).tolist()) for name in NAMES]


def test_streams_differ_from_each_other_and_between_neighbouring_seeds() -> None:
    before = torch.get_rng_state()
    drawn = [row for seed in range(50) for row in numbers(Streams.from_seed(seed))]
    assert len(set(drawn)) == 50 * len(NAMES)
    assert numbers(Streams.from_seed(7)) == drawn[7 * len(NAMES) : 8 * len(NAMES)]
    assert torch.equal(before, torch.get_rng_state())
