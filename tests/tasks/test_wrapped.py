"""Tasks drawn in another way: a training set drawn once, every example once an epoch; a length anew for each batch."""

import math
from itertools import islice

import pytest
import torch
from scipy.stats import chisquare

from rnnbench.tasks import Batch, Task
from rnnbench.tasks.adding import Adding
from rnnbench.tasks.copy_memory import CopyMemory
from rnnbench.tasks.cycle_navigation import CycleNavigation
from rnnbench.tasks.hochreiter_adding import HochreiterAdding
from rnnbench.tasks.sequential_digits import SequentialDigits
from rnnbench.tasks.wrapped import DrawnLengths, FixedExamples
from tests.drawn import seeded


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


def test_lengths_are_uniform_and_follow_the_seed() -> None:
    task = DrawnLengths(Adding, 3, 12)
    drawn = [len(task.draw(1, generator).inputs) for generator in [seeded(0)] for _ in range(2000)]
    assert chisquare([drawn.count(length) for length in range(3, 13)]).pvalue > 0.001
    again = [len(task.draw(1, generator).inputs) for generator in [seeded(0)] for _ in range(5)]
    assert again == drawn[:5]


def test_a_batch_is_that_of_the_task_at_its_length() -> None:
    generator, reference = seeded(1), seeded(1)
    for _ in range(10):
        batch = DrawnLengths(CopyMemory, 1, 40).draw(4, generator)
        length = int(torch.randint(1, 41, (), generator=reference))
        expected = CopyMemory(length).draw(4, reference)
        assert torch.equal(batch.inputs, expected.inputs)
        assert torch.equal(batch.targets, expected.targets)


@pytest.mark.parametrize("kind", [CopyMemory, CycleNavigation, HochreiterAdding])
def test_baseline_is_the_mean_over_lengths(kind: type) -> None:
    task = DrawnLengths(kind, 20, 23) if kind is HochreiterAdding else DrawnLengths(kind, 1, 6)
    losses = weights = squares = 0.0
    for batch in task.evaluation_batches("test", 40_000, 1000, seeded(2)):
        outputs = task.baseline_outputs(batch)
        assert outputs is not None
        values = task.losses(outputs, batch).double()
        losses += float((values * batch.weights).sum())
        squares += float((values**2 * batch.weights).sum())
        weights += float(batch.weights.sum())
    mean = losses / weights
    assert task.baseline_loss is not None
    # Batches of 25 examples share a length, so that the mean is as uncertain as that of 1,600.
    assert abs(mean - task.baseline_loss) < 4 * math.sqrt((squares / weights - mean**2) / 1600)


def test_an_evaluation_meets_many_lengths() -> None:
    task = DrawnLengths(Adding, 2, 41)
    batches = list(task.evaluation_batches("validation", 1000, 250, seeded(3)))
    assert sum(batch.inputs.shape[1] for batch in batches) == 1000
    assert len({len(batch.inputs) for batch in batches}) > 15


def test_probes_of_all_seeds_see_the_longest_length() -> None:
    task = DrawnLengths(CopyMemory, 1, 40)
    for seed in range(5):
        batch, expected = task.probe_batch(3, seeded(seed)), CopyMemory(40).draw(3, seeded(seed))
        assert torch.equal(batch.inputs, expected.inputs)


def test_what_has_no_length_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match=r"length=5\.\.4: must go from at least 1 upwards"):
        DrawnLengths(Adding, 5, 4)
    with pytest.raises(ValueError, match=r"length=1\.\.2: must be one number for SequentialDigits"):
        DrawnLengths(lambda _: SequentialDigits(), 1, 2)
