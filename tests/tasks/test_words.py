"""Tasks on words, against brute force: Python's arithmetic, permutation matrices, every word of a short length."""

import itertools
import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from rnnbench.tasks.answered_words import AnsweredWords
from rnnbench.tasks.associative_recall import AssociativeRecall
from rnnbench.tasks.cycle_navigation import CycleNavigation
from rnnbench.tasks.even_pairs import EvenPairs
from rnnbench.tasks.group_words import GroupWords, elements_of
from rnnbench.tasks.modular_arithmetic import ModularArithmetic
from rnnbench.tasks.parity import Parity


def changes(word: tuple[int, ...]) -> int:
    text = "".join(map(str, word))
    return sum(text[start : start + 2] in ("01", "10") for start in range(len(text))) % 2


def end_of_walk(word: tuple[int, ...]) -> int:
    place = 0
    for symbol in word:
        place = [(place - 1) % 5, place, (place + 1) % 5][symbol]
    return place


def value(word: tuple[int, ...]) -> int:
    return int(eval("".join("01234+-*"[symbol] for symbol in word))) % 5


ANSWERS: dict[type[AnsweredWords], Callable[[tuple[int, ...]], int]] = {
    Parity: lambda word: word.count(1) % 2,
    EvenPairs: changes,
    CycleNavigation: end_of_walk,
    ModularArithmetic: value,
}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("length", [1, 2, 7, 40])
def test_answer_is_that_of_brute_force(kind: type[AnsweredWords], length: int) -> None:
    batch = kind(length).draw(300, torch.Generator().manual_seed(length))
    words = batch.inputs.argmax(2)
    assert torch.equal(batch.inputs.sum(2), torch.ones(words.shape))
    assert (words[-1] == kind.symbols).all()
    assert words[:-1].max() < kind.symbols
    assert batch.targets[0].tolist() == [ANSWERS[kind](tuple(word)) for word in words[:-1].T.tolist()]


def every_word(kind: type[AnsweredWords], length: int) -> list[tuple[int, ...]]:
    if kind is not ModularArithmetic:
        return list(itertools.product(range(kind.symbols), repeat=length))
    alternating = [range(5) if place % 2 == 0 else range(5, 8) for place in range(length)]
    return list(itertools.product(*alternating))


@pytest.mark.parametrize(
    ("kind", "length"),
    [(kind, length) for kind in ANSWERS for length in ((1, 3, 5) if kind is ModularArithmetic else (1, 2, 5, 6))],
)
def test_chances_of_answers_are_those_of_all_words(kind: type[AnsweredWords], length: int) -> None:
    words = every_word(kind, length)
    counts = Counter(map(ANSWERS[kind], words))
    expected = [counts[answer] / len(words) for answer in range(kind.output_size)]
    task = kind(length)
    np.testing.assert_allclose(task.answer_probabilities(), expected, atol=1e-12)
    entropy = -sum(chance * math.log(chance) for chance in expected if chance > 0)
    assert task.baseline_loss == pytest.approx(entropy, abs=1e-12)


@pytest.mark.parametrize(("group", "order"), [("s3", 6), ("a5", 60), ("s5", 120)])
def test_products_are_those_of_permutation_matrices(group: str, order: int) -> None:
    elements = elements_of(group)
    assert len(set(elements)) == order
    matrices = np.stack([np.eye(len(element))[:, list(element)].astype(int) for element in elements])
    if group == "a5":
        assert {round(float(each)) for each in np.linalg.det(matrices)} == {1}
    batch = GroupWords(12, group).draw(40, torch.Generator().manual_seed(0))
    words, targets = batch.inputs.argmax(2).numpy(), batch.targets.numpy()
    for example in range(40):
        product = np.eye(len(elements[0]), dtype=int)
        for step, element in enumerate(words[:, example]):
            product = product @ matrices[element]
            assert np.array_equal(matrices[targets[step, example]], product)


def test_of_a_group_word_the_end_may_be_scored_alone() -> None:
    every, end = (GroupWords(9, "a5", scored).draw(20, torch.Generator().manual_seed(1)) for scored in ("every", "end"))
    assert torch.equal(every.inputs, end.inputs)
    assert torch.equal(every.targets[-1:], end.targets)


@pytest.mark.parametrize("group", ["s3", "a5", "s5"])
def test_products_of_random_words_are_equally_likely(group: str) -> None:
    task = GroupWords(3, group, "end")
    targets = task.draw(200 * task.output_size, torch.Generator().manual_seed(3)).targets[0]
    assert chisquare(torch.bincount(targets, minlength=task.output_size)).pvalue > 0.001
    assert task.baseline_loss == pytest.approx(math.log(len(elements_of(group))))


def test_recall_asks_for_the_value_of_each_key_once() -> None:
    task = AssociativeRecall(length=32, pairs=5, vocabulary=20)
    batch = task.draw(200, torch.Generator().manual_seed(0))
    assert batch.scored is not None
    for example in range(200):
        tokens, targets = batch.inputs[:, example].tolist(), batch.targets[:, example].tolist()
        values = dict(zip(tokens[0:10:2], tokens[1:10:2], strict=True))
        assert len(values) == len(set(values.values())) == 5
        assert set(values) <= set(range(1, 10))
        assert set(values.values()) <= set(range(10, 20))
        asked = batch.scored[:, example].nonzero().flatten().tolist()
        assert sorted(tokens[10 + place] for place in asked) == sorted(values)
        assert [targets[place] for place in asked] == [values[tokens[10 + place]] for place in asked]
        assert all(place % 2 == 0 for place in asked)


def test_queries_fall_as_the_power_says() -> None:
    """The first of the queries alone, with one pair: places by their weights."""
    task = AssociativeRecall(length=18, pairs=1, vocabulary=8, power=0.5)
    scored = task.draw(40_000, torch.Generator().manual_seed(0)).scored
    assert scored is not None
    expected = np.arange(1, 9) ** -0.5
    np.testing.assert_allclose(scored[::2].double().mean(1), expected / expected.sum(), atol=0.01)
