"""Loss and error rate on held-out data."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch

from rnnbench.model import Model
from rnnbench.tasks import Batch, Task


@dataclass(frozen=True)
class Evaluation:
    """Mean loss over all scored steps of the data, and the fraction of its examples with an error anywhere."""

    loss: float
    error_rate: float
    measures: Mapping[str, float]
    """The means over its examples of what the task measures for its milestones."""
    examples: int

    @property
    def means(self) -> Mapping[str, float]:
        """What the task's milestones are judged by."""
        return {"loss": self.loss, "error_rate": self.error_rate, **self.measures}


@torch.no_grad()
def evaluate(model: Model, task: Task, batches: Iterable[Batch]) -> Evaluation:
    """Evaluate the model on batches, every scored step counting alike however the examples are batched."""
    loss = weight = 0.0
    wrong = examples = 0
    sums: defaultdict[str, float] = defaultdict(float)
    for batch in batches:
        outputs = model.predict(batch)
        loss += float((task.losses(outputs, batch).double() * batch.weights).sum())
        weight += float(batch.weights.sum())
        wrong += int((~task.correct(outputs, batch)).sum())
        for name, values in task.measures(outputs, batch).items():
            sums[name] += float(values.double().sum())
        examples += batch.inputs.shape[1]
    measures = {name: total / examples for name, total in sums.items()}
    return Evaluation(loss / weight, wrong / examples, measures, examples)


@torch.no_grad()
def baseline_loss(task: Task, batches: Iterable[Batch]) -> float | None:
    """The loss of the memoryless baseline on these batches, as `evaluate` counts; None when the task gives none."""
    loss = weight = 0.0
    for batch in batches:
        outputs = task.baseline_outputs(batch)
        if outputs is None:
            return None
        loss += float((task.losses(outputs, batch).double() * batch.weights).sum())
        weight += float(batch.weights.sum())
    return loss / weight
