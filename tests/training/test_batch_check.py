"""What is wrong with a task's batches is reported in one line."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnbench.errors import ComponentError
from rnnbench.tasks import Batch, Task
from rnnbench.training.batch_check import check_batch

GOOD = Batch(torch.zeros(5, 3, 2), torch.zeros(1, 3, 1))


class Own(Task):
    input_size, output_size = 2, 1

    def __init__(self, **given: Any) -> None:
        self.__dict__ |= given

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        return GOOD

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().sum(2)


def test_a_good_batch() -> None:
    check_batch(Own(), GOOD)
    check_batch(Own(vocabulary=4), replace(GOOD, inputs=torch.full((5, 3), 3)))


@pytest.mark.parametrize(
    ("batch", "given", "wrong"),
    [
        (replace(GOOD, inputs=torch.zeros(5, 3)), {}, "draw gives inputs (5, 3) of float32; they must be floats (time"),
        (replace(GOOD, inputs=torch.zeros(5, 3, dtype=torch.int64)), {}, "draw gives inputs (5, 3) of int64; they"),
        (replace(GOOD, inputs=torch.full((5, 3), 4)), {"vocabulary": 4}, "draw gives inputs (5, 3) of int64; they mu"),
        (replace(GOOD, targets=torch.zeros(3, 1)), {}, "draw gives targets (3, 1) of float32; they must be (scored st"),
        (GOOD, {"step_losses": lambda *_: torch.zeros(3)}, "step_losses gives (3,) of float32; it must be (scored st"),
        (GOOD, {"correct": lambda *_: torch.ones(1, 3, dtype=torch.bool)}, "correct gives (1, 3) of bool; it must be"),
    ],
)
def test_wrong_batches(batch: Batch, given: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ComponentError) as raised:
        check_batch(Own(**given), batch)
    assert f"test_batch_check.py: Own.{wrong}" in str(raised.value)
    assert "\n" not in str(raised.value)
