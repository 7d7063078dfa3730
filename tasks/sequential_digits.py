"""Sequential digits: name a handwritten digit from its pixels, shown one at a time.

An 8 x 8 image with 17 shades is read row by row, one pixel per step, scaled to [0, 1]; with `permuted`, in one fixed
random order, the same for all images, which leaves only long-range structure. After the last pixel the output is to
name the digit; the loss is the cross-entropy in nats.

Source: the small sibling, bundled with scikit-learn, of the sequential and permuted MNIST of Le, Jaitly & Hinton
(2015): 1,797 digits of 13 writers, the test set of the UCI data set Optical Recognition of Handwritten Digits. Splits
are fixed: 297 digits for the test, 300 for validation, 1,200 for training, dealt out at random, so writers are shared
among them. Splits and permutation are sorted by SHA-256, so they are the same everywhere and for every seed. Shapes:
inputs (64, batch, 1), one target (1, batch). Naming all ten digits equally likely gives ln 10, and the digits are
balanced to within a percent. Others differ: MNIST's has 784 steps and a permutation of each code's own.

Solved: fewer than 5% of held-out digits are named wrong, our own choice; the literature reports accuracy on MNIST only.
Measured as well: the accuracy.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from rnnbench.tasks.finite_task import FiniteTask, Part
from rnnbench.tasks.losses import ClassificationTask
from rnnbench.tasks.task import Batch

DIGITS = 1797
PIXELS = 64
SHADES = 16
TEST_DIGITS = 297
VALIDATION_DIGITS = 300


class SequentialDigits(FiniteTask, ClassificationTask):
    """Sequential digits row by row, or permuted, the difficulty."""

    input_size = 1
    output_size = 10
    guesses = range(10)
    difficulty = "permuted"
    solved_error_rate = 0.05
    step_measures: ClassVar[Mapping[str, str]] = {"accuracy": "fraction of digits named right"}

    def __init__(self, permuted: bool = False) -> None:
        images, digits = _load()
        if permuted:
            images = images[:, fixed_permutation(PIXELS, "pixels")]
        dealt = fixed_permutation(DIGITS, "digits")
        held_out = TEST_DIGITS + VALIDATION_DIGITS
        parts = {"test": dealt[:TEST_DIGITS], "validation": dealt[TEST_DIGITS:held_out], "training": dealt[held_out:]}
        self._images = {split: images[part] for split, part in parts.items()}
        self._digits = {split: digits[part] for split, part in parts.items()}

    def split_size(self, split: Part) -> int:
        return len(self._digits[split])

    def examples(self, split: Part, chosen: Sequence[int]) -> Batch:
        index = torch.tensor(chosen)
        return Batch(self._images[split][index].T.unsqueeze(2), self._digits[split][index].unsqueeze(0))


def fixed_permutation(size: int, name: str) -> list[int]:
    """0 to size - 1 in the order of their SHA-256 with the name: random-looking, and the same everywhere."""
    return sorted(range(size), key=lambda index: hashlib.sha256(f"{name} {index}".encode()).digest())


def _load() -> tuple[Tensor, Tensor]:
    """The images (digits, pixels) in [0, 1] and the digits (digits,)."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        name = f"{SequentialDigits.__module__}.{SequentialDigits.__name__}"
        raise ValueError(f"_target_={name}: needs scikit-learn; pip install rnnbench[data]") from None
    images, digits = load_digits(return_X_y=True)
    return torch.tensor(images, dtype=torch.float32) / SHADES, torch.tensor(digits, dtype=torch.long)
