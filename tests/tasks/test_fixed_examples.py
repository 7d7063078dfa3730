"""A training set drawn once: every example once an epoch, the same for the same seed; held-out data stay fresh."""

from itertools import islice

import pytest
import torch

from rnnbench.tasks import Batch, Task
from rnnbench.tasks.adding import Adding
from rnnbench.tasks.fixed_examples import FixedExamples
from rnnbench.tasks.hochreiter_adding import HochreiterAdding


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def keys(batch: Batch) -> list[tuple[float, ...]]:
    return [tuple(batch.inputs[:, example].flatten().tolist()) for example in range(batch.inputs.shape[1])]


@pytest.mark.parametrize("task", [Adding(6), HochreiterAdding(20)], ids=["adding", "lengths differ"])
def test_an_epoch_has_every_example_once_with_its_target(task: Task) -> None:
    fixed = FixedExamples(task, 2300, seed=7)
    generator = seeded(7)
    drawn = [task.draw(size, generator) for size in (1000, 1000, 300)]
    targets = {key: float(batch.targets[0, index, 0]) for batch in drawn for index, key in enumerate(keys(batch))}
    assert fixed.batches_per_epoch(50) == 46
    stream = fixed.training_batches(50, seeded(0))
    first, second = ([key for batch in islice(stream, 46) for key in keys(batch)] for _ in range(2))
    assert sorted(first) == sorted(second) == sorted(targets)
    assert first != second
    batch = next(stream)
    assert [targets[key] for key in keys(batch)] == batch.targets[0, :, 0].tolist()
    if batch.lengths is not None:
        assert batch.scored is not None
        assert torch.equal(batch.scored.float().argmax(0) + task.length, batch.lengths)  # type: ignore[attr-defined]


def test_held_out_data_are_those_of_the_task() -> None:
    plain, fixed = Adding(6), FixedExamples(Adding(6), 100, seed=0)
    for split in ("validation", "test"):
        for one, other in zip(
            *(each.evaluation_batches(split, 30, 20, seeded(3)) for each in (plain, fixed)), strict=True
        ):
            assert torch.equal(one.inputs, other.inputs)
    assert fixed.baseline_loss == plain.baseline_loss


def test_other_lengths_are_those_that_the_task_makes() -> None:
    class Made(Adding):
        def at_length(self, length: int) -> Task:
            return Adding(length + 1)

    made = FixedExamples(Made(6), 100, seed=0).at_length(8)
    assert isinstance(made, Adding)
    assert made.length == 9
