"""The digits: against scikit-learn's own arrays, and the fixed splits and permutation."""

import sys
from collections import Counter

import pytest
import torch
from sklearn.datasets import load_digits

from rnnbench.tasks import Batch
from rnnbench.tasks.sequential_digits import SequentialDigits, fixed_permutation


@pytest.fixture(scope="module")
def plain() -> SequentialDigits:
    return SequentialDigits()


def whole(task: SequentialDigits) -> dict[str, Batch]:
    batches = {split: task.examples(split, range(task.split_size(split))) for split in ("validation", "test")}
    return {"training": task.examples("training", range(1200)), **batches}


def key(pixels: torch.Tensor, digit: int) -> tuple[tuple[int, ...], int]:
    return tuple((pixels * 16).round().int().tolist()), digit


def test_the_splits_are_all_digits_once_row_by_row(plain: SequentialDigits) -> None:
    images, digits = load_digits(return_X_y=True)
    expected = Counter(key(torch.tensor(image) / 16, int(digit)) for image, digit in zip(images, digits, strict=True))
    found: Counter[tuple[tuple[int, ...], int]] = Counter()
    sizes = {}
    for split, batch in whole(plain).items():
        sizes[split] = batch.inputs.shape[1]
        assert batch.inputs.shape[::2] == (64, 1)
        assert float(batch.inputs.min()) == 0
        assert float(batch.inputs.max()) == 1
        # All ten digits, none under 6% or over 14%.
        counts = torch.bincount(batch.targets[0], minlength=10) / sizes[split]
        assert 0.06 < counts.min() < counts.max() < 0.14
        found.update(key(batch.inputs[:, n, 0], int(batch.targets[0, n])) for n in range(sizes[split]))
    assert sizes == {"training": 1200, "validation": 300, "test": 297}
    assert found == expected


def test_the_splits_are_frozen(plain: SequentialDigits) -> None:
    images, digits = load_digits(return_X_y=True)
    first = [1457, 1074, 1038, 1402, 952, 1583]
    batch = plain.examples("test", range(6))
    assert torch.equal(batch.inputs[:, :, 0].T * 16, torch.tensor(images[first], dtype=torch.float32))
    assert batch.targets[0].tolist() == digits[first].tolist()


def test_permuted_is_one_order_of_the_pixels_for_all(plain: SequentialDigits) -> None:
    permuted = whole(SequentialDigits(permuted=True))
    order = fixed_permutation(64, "pixels")
    assert sorted(order) == list(range(64))
    # Frozen: another order would make old and new results differ.
    assert order[:6] == [8, 55, 49, 24, 57, 30]
    for split, batch in whole(plain).items():
        assert torch.equal(permuted[split].inputs, batch.inputs[order])
        assert torch.equal(permuted[split].targets, batch.targets)


def test_missing_scikit_learn_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ValueError, match=r"^_target_=[\w.]+: needs scikit-learn; pip install rnnbench\[data\]$"):
        SequentialDigits()
