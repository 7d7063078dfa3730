"""Losses and error rates by hand, however the examples are batched."""

import math

import pytest
import torch

from rnnbench.cells.gru import Gru
from rnnbench.model import Model
from rnnbench.tasks import Batch, Task
from rnnbench.tasks.copy_memory import CopyMemory
from rnnbench.training.evaluation import evaluate


def part(batch: Batch, examples: slice) -> Batch:
    """Some of a batch's examples."""
    scored = None if batch.scored is None else batch.scored[:, examples]
    lengths = None if batch.lengths is None else batch.lengths[examples]
    return Batch(batch.inputs[:, examples], batch.targets[:, examples], scored, lengths)


@pytest.fixture
def model() -> Model:
    task = CopyMemory(length=3)
    generator = torch.Generator().manual_seed(0)
    return Model(
        Gru, input_size=task.input_size, output_size=task.output_size, hidden_size=5, generator=generator
    ).double()


def with_mask(task: Task) -> Batch:
    """Examples with 1, 5, 23, ... scored steps."""
    batch = task.draw(7, torch.Generator().manual_seed(1))
    counts = torch.tensor([1, 5, 23, 2, 2, 11, 1])
    return Batch(batch.inputs.double(), batch.targets, scored=torch.arange(23).unsqueeze(1) < counts)


@pytest.mark.parametrize("sizes", [[7], [1] * 7, [3, 4], [6, 1]])
@pytest.mark.parametrize("masked", [False, True])
def test_every_scored_step_counts_alike(model: Model, sizes: list[int], masked: bool) -> None:
    task = CopyMemory(length=3)
    whole = with_mask(task)
    if not masked:
        whole = Batch(whole.inputs, whole.targets)
    batches, start = [], 0
    for size in sizes:
        batches.append(part(whole, slice(start, start + size)))
        start += size
    with torch.no_grad():
        outputs = model(whole.inputs, 23)
    losses, wrong = [], 0
    for example in range(7):
        for step in range(23):
            if whole.scored is None or whole.scored[step, example]:
                probabilities = outputs[step, example].softmax(0)
                losses.append(-math.log(probabilities[whole.targets[step, example]].item()))
        wrong += int((outputs[-10:, example].argmax(1) != whole.targets[-10:, example]).any())
    result = evaluate(model, task, batches)
    assert result.loss == pytest.approx(sum(losses) / len(losses), rel=1e-12)
    assert result.error_rate == wrong / 7
    assert all(parameter.grad is None for parameter in model.parameters())
