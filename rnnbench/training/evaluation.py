"""Loss and error rate on held-out data."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from rnnbench.model import Model
from tasks import Batch, Task


@dataclass(frozen=True)
class Evaluation:
    """Mean loss over all scored steps of the data, and the fraction of its examples with an error anywhere."""

    loss: float
    error_rate: float


@torch.no_grad()
def evaluate(model: Model, task: Task, batches: Iterable[Batch]) -> Evaluation:
    """Evaluate the model on batches, every scored step counting alike however the examples are batched."""
    loss = weight = 0.0
    wrong = examples = 0
    for batch in batches:
        outputs = model.predict(batch)
        loss += float((task.losses(outputs, batch).double() * batch.weights).sum())
        weight += float(batch.weights.sum())
        wrong += int((~task.correct(outputs, batch)).sum())
        examples += batch.inputs.shape[1]
    return Evaluation(loss / weight, wrong / examples)
