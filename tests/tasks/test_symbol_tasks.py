"""The tasks on symbols, decoded from their batches in plain Python."""

from collections.abc import Callable

import pytest
import torch

from rnnbench.tasks import Batch, Task
from rnnbench.tasks.copy_memory import CopyMemory
from rnnbench.tasks.hochreiter_order import HochreiterOrder
from rnnbench.tasks.noiseless_memorization import NoiselessMemorization
from rnnbench.tasks.random_permutation import RandomPermutation
from rnnbench.tasks.selective_copying import SelectiveCopying
from rnnbench.tasks.temporal_order import TemporalOrder


def drawn(task: Task, size: int) -> Batch:
    return task.draw(size, torch.Generator().manual_seed(0))


def symbols(batch: Batch) -> list[list[int]]:
    """The symbols that each example shows, -1 where nothing is."""
    assert set(batch.inputs.unique().tolist()) == {0.0, 1.0}
    assert batch.inputs.sum(2).max() == 1
    shown = batch.inputs.argmax(2).where(batch.inputs.any(2), -1)
    return shown.T.tolist()


@pytest.mark.parametrize("markers", [2, 3])
def test_temporal_order_at_the_papers_length(markers: int) -> None:
    batch = drawn(TemporalOrder(100, markers), 600)
    windows = {2: [(10, 20), (50, 60)], 3: [(10, 20), (33, 43), (66, 76)]}[markers]
    classes = {2: ["XX", "XY", "YX", "YY"], 3: ["XXX", "XXY", "XYX", "XYY", "YXX", "YXY", "YYX", "YYY"]}[markers]
    reached: list[set[int]] = [set() for _ in windows]
    seen_classes, seen_lengths = set(), set()
    assert batch.inputs.shape == (110, 600, 8)
    assert batch.targets.shape == (11, 600)
    assert batch.lengths is not None
    assert batch.scored is not None
    for example, shown in enumerate(symbols(batch)):
        length = int(batch.lengths[example])
        letters = "".join("EBabcdXY-"[symbol] for symbol in shown)
        assert letters[0] == "E"
        assert letters[length - 1] == "B"
        assert letters[length:] == "-" * (110 - length)
        middle = letters[1 : length - 1]
        assert set(middle) <= set("abcdXY")
        places = [step for step, letter in enumerate(letters) if letter in "XY"]
        assert len(places) == markers
        for place, (first, last), steps in zip(places, windows, reached, strict=True):
            assert first <= place <= last
            steps.add(place)
        order = "".join(letters[place] for place in places)
        assert batch.scored[:, example].tolist() == [step == length - 100 for step in range(11)]
        assert int(batch.targets[length - 100, example]) == classes.index(order)
        seen_classes.add(order)
        seen_lengths.add(length)
    assert seen_classes == set(classes)
    assert seen_lengths == set(range(100, 111))
    assert [(min(steps), max(steps)) for steps in reached] == windows


def test_temporal_order_of_1997_is_judged_by_every_output() -> None:
    """By hand: the errors are those of numbers between 0 and 1, squared and summed; right where all are below 0.3."""
    task = HochreiterOrder(100, 2)
    batch = drawn(task, 3)
    batch = Batch(batch.inputs, torch.full_like(batch.targets, 2), batch.scored, batch.lengths)
    shown = torch.tensor(
        [[0.1, 0.2, 0.75, 0.0001], [0.29, 0.29, 0.71, 0.29], [0.1, 0.2, 0.69, 0.2]], dtype=torch.float64
    )
    outputs = torch.log(shown / (1 - shown)).expand(11, 3, 4)
    assert task.losses(outputs, batch).tolist() == pytest.approx([0.1125, 0.3364, 0.1861], abs=1e-6)
    assert task.correct(outputs, batch).tolist() == [True, True, False]
    assert task.solved(0.099, 0.0)
    assert not task.solved(0.1, 0.0)
    assert not task.solved(0.0, 1 / 2000)
    same = TemporalOrder(100, 2)
    for drawn_one, drawn_other in zip(vars(drawn(task, 5)).values(), vars(drawn(same, 5)).values(), strict=True):
        assert torch.equal(drawn_one, drawn_other)


@pytest.mark.parametrize(
    ("task", "count", "alphabet"),
    [
        (CopyMemory(30), 10, 8),
        (NoiselessMemorization(30), 5, 2),
        (NoiselessMemorization(30, symbols=10, alphabet=5), 10, 5),
        (NoiselessMemorization(1, symbols=1, alphabet=2), 1, 2),
    ],
)
def test_memorization(task: NoiselessMemorization, count: int, alphabet: int) -> None:
    delay = task.length
    batch = drawn(task, 200)
    assert batch.inputs.shape == (delay + 2 * count, 200, alphabet + 2)
    used = set()
    for example, shown in enumerate(symbols(batch)):
        wanted = batch.targets[:, example].tolist()
        remembered = shown[:count]
        assert shown[count:] == [0] * (delay - 1) + [alphabet + 1] + [0] * count
        assert wanted == [0] * (delay + count) + remembered
        used |= set(remembered)
    assert used == set(range(1, alphabet + 1))
    assert task.output_size == alphabet + 1


@pytest.mark.parametrize(("length", "score"), [(100, 0.17329), (200, 0.09452), (500, 0.03999), (1000, 0.02039)])
def test_copy_memory_baselines_as_published(length: int, score: float) -> None:
    assert CopyMemory(length).baseline_loss == pytest.approx(score, abs=5e-6)


def test_memorization_is_judged_by_the_recall_alone() -> None:
    task = NoiselessMemorization(4)
    batch = drawn(task, 3)
    right = torch.nn.functional.one_hot(batch.targets, 3).float()
    early, late = right.clone(), right.clone()
    early[:-5] = right[:-5].roll(1, 2)
    late[-1, 1] = right[-1, 1].roll(1)
    late[-5, 2] = right[-5, 2].roll(1)
    assert task.correct(early, batch).tolist() == [True, True, True]
    assert task.correct(late, batch).tolist() == [True, False, False]


def test_random_permutation() -> None:
    batch = drawn(RandomPermutation(30), 400)
    assert batch.inputs.shape == (30, 400, 100)
    assert batch.targets.shape == (1, 400)
    firsts, others = set(), set()
    for example, (first, *rest) in enumerate(symbols(batch)):
        assert int(batch.targets[0, example]) == first
        firsts.add(first)
        others |= set(rest)
    assert firsts == {0, 1}
    assert others == set(range(2, 100))


@pytest.mark.parametrize("task", [SelectiveCopying(50), SelectiveCopying(1, tokens=3, vocabulary=4)])
def test_selective_copying(task: SelectiveCopying) -> None:
    batch = drawn(task, 300)
    cue = task.input_size - 1
    places, used = set(), set()
    assert len(batch.inputs) == task.length + 2 * task.tokens
    for example, shown in enumerate(symbols(batch)):
        body, end = shown[: -task.tokens], shown[-task.tokens :]
        assert end == [cue] * task.tokens
        assert cue not in body
        tokens = [symbol for symbol in body if symbol != 0]
        assert tokens == batch.targets[:, example].tolist()
        places |= {step for step, symbol in enumerate(body) if symbol != 0}
        used |= set(tokens)
    assert used == set(range(1, cue))
    assert places == set(range(task.length + task.tokens))


def test_selective_copying_places_are_uniform() -> None:
    batch = drawn(SelectiveCopying(12, tokens=4), 8000)
    fractions = (batch.inputs[:16, :, 0] == 0).double().mean(1)
    # Every step holds a token with chance 4/16; 8000 draws have a deviation of sqrt(3/16/8000) = 0.0048.
    torch.testing.assert_close(fractions, torch.full_like(fractions, 0.25), rtol=0, atol=0.021)


@pytest.mark.parametrize(
    ("make", "setting", "bound"),
    [
        (TemporalOrder, "length", 10),
        (HochreiterOrder, "length", 10),
        (CopyMemory, "length", 1),
        (NoiselessMemorization, "alphabet", 2),
        (RandomPermutation, "length", 2),
        (SelectiveCopying, "vocabulary", 4),
    ],
)
def test_bounds_of_settings(make: Callable[..., Task], setting: str, bound: int) -> None:
    assert drawn(make(**{setting: bound}), 3).inputs.shape[1] == 3
    with pytest.raises(ValueError, match=rf"^{setting}={bound - 1}: must be at least {bound} \(.+\)$"):
        make(**{setting: bound - 1})
