"""The streams of a seed."""

from dataclasses import fields

import pytest
import torch

from rnnbench.training.streams import Streams


def numbers(streams: Streams) -> list[tuple[float, ...]]:
    return [tuple(torch.rand(3, generator=getattr(streams, each.name)).tolist()) for each in fields(streams)]


def test_streams_differ_from_each_other_and_between_neighbouring_seeds() -> None:
    drawn = [row for seed in range(50) for row in numbers(Streams.from_seed(seed))]
    assert len(set(drawn)) == 50 * len(fields(Streams))


def test_streams_are_those_of_their_seed() -> None:
    assert numbers(Streams.from_seed(7)) == numbers(Streams.from_seed(7))


@pytest.mark.parametrize("name", [each.name for each in fields(Streams)])
def test_a_draw_from_one_moves_no_other(name: str) -> None:
    moved, still = Streams.from_seed(0), Streams.from_seed(0)
    torch.rand(1000, generator=getattr(moved, name))
    for each in fields(Streams):
        same = torch.equal(
            torch.rand(3, generator=getattr(moved, each.name)), torch.rand(3, generator=getattr(still, each.name))
        )
        assert same == (each.name != name)


def test_the_global_generator_is_not_touched() -> None:
    before = torch.get_rng_state()
    numbers(Streams.from_seed(0))
    assert torch.equal(before, torch.get_rng_state())
