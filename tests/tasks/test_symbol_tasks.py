"""The tasks on symbols, decoded from their batches in plain Python."""

import math
from collections.abc import Callable

import pytest
import torch

from rnnbench.tasks import Batch, Task
from rnnbench.tasks.copy_memory import CopyMemory
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


@pytest.mark.parametrize("markers", [2, 3])
def test_temporal_order_at_its_shortest(markers: int) -> None:
    batch = drawn(TemporalOrder(10, markers), 300)
    for shown in symbols(batch):
        letters = ["EBabcdXY-"[symbol] for symbol in shown]
        assert (letters.count("E"), letters.count("B")) == (1, 1)
        assert letters.count("X") + letters.count("Y") == markers


def test_temporal_order_is_judged_at_the_end_alone() -> None:
    task = TemporalOrder(10)
    batch = drawn(task, 4)
    assert batch.scored is not None
    right = torch.nn.functional.one_hot(batch.targets, 4).float()
    elsewhere = torch.where(batch.scored.unsqueeze(2), right, right.roll(1, 2))
    assert task.correct(elsewhere, batch).all()
    assert not task.correct(right.roll(1, 2), batch).any()


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
    ("make", "message"),
    [
        (lambda: TemporalOrder(9), "length=9: must be at least 10 (the windows are tenths of it)"),
        (lambda: TemporalOrder(100, 4), "markers=4: must be 2 or 3 (experiments 6a and 6b)"),
        (lambda: CopyMemory(0), "length=0: must be at least 1 (the step of the cue)"),
        (lambda: NoiselessMemorization(10, symbols=0), "symbols=0: must be at least 1 (something to recall)"),
        (
            lambda: NoiselessMemorization(10, alphabet=1),
            "alphabet=1: must be at least 2 (one symbol alone says nothing)",
        ),
        (
            lambda: RandomPermutation(1),
            "length=1: must be at least 2 (a symbol to keep and one to pass over)",
        ),
        (
            lambda: RandomPermutation(10, vocabulary=1),
            "vocabulary=1: must be at least 3 (two symbols to keep and one to pass over)",
        ),
        (
            lambda: SelectiveCopying(0),
            "length=0: must be at least 1 (without blanks there is nothing to select)",
        ),
        (lambda: SelectiveCopying(10, tokens=0), "tokens=0: must be at least 1 (something to recall)"),
        (
            lambda: SelectiveCopying(10, vocabulary=1),
            "vocabulary=1: must be at least 4 (blank, cue and two tokens)",
        ),
    ],
)
def test_wrong_settings(make: Callable[[], Task], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        make()
    assert str(caught.value) == message


def test_baseline_losses() -> None:
    assert TemporalOrder().baseline_loss == pytest.approx(math.log(4), rel=1e-14)
    assert TemporalOrder(markers=3).baseline_loss == pytest.approx(math.log(8), rel=1e-14)
    assert RandomPermutation().baseline_loss == pytest.approx(math.log(2), rel=1e-14)
    assert SelectiveCopying().baseline_loss == pytest.approx(math.log(14), rel=1e-14)
    assert NoiselessMemorization(100).baseline_loss == pytest.approx(5 * math.log(2) / 110, rel=1e-14)
