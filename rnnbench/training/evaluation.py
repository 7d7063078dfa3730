"""Loss, error rate and the task's measures on held-out data."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch

from rnnbench.model import Model
from rnnbench.tasks import Batch, Split, Task
from rnnbench.training.randomness import evaluating

EVALUATION_BATCH = 250
"""Examples evaluated at a time."""


@dataclass(frozen=True)
class Evaluation:
    """Mean loss over all scored steps of the data, and the fraction of its examples with an error anywhere."""

    loss: float
    error_rate: float
    """NaN for a task that has no right and wrong."""
    measures: Mapping[str, float]
    """The means over its examples of what the task measures for its milestones."""
    step_measures: Mapping[str, float]
    """The task's measures over steps; NaN where there was nothing to count."""
    examples: int

    def columns(self, split: Split) -> dict[str, float]:
        """What a run records of it, without what the task does not have."""
        found = {"loss": self.loss, "error_rate": self.error_rate, **self.step_measures}
        return {f"{split}_{name}": value for name, value in found.items() if name == "loss" or not math.isnan(value)}


@torch.no_grad()
def evaluate(model: Model, task: Task, batches: Iterable[Batch]) -> Evaluation:
    """Evaluate the model, in evaluation mode; every scored step counts alike however the examples are batched."""
    loss = weight = wrong = 0.0
    examples = 0
    sums, values, counts = (defaultdict[str, float](float) for _ in range(3))
    with evaluating(model):
        for batch in batches:
            outputs = model.predict(batch)
            loss += float((task.losses(outputs, batch).double() * batch.weights).sum())
            weight += float(batch.weights.sum())
            correct = task.correct(outputs, batch)
            wrong += math.nan if correct is None else int((~correct).sum())
            for name, of_examples in task.measures(outputs, batch).items():
                sums[name] += float(of_examples.double().sum())
            for name, measure in task.measure_steps(outputs, batch).items():
                values[name] += batch.total(measure.values)
                counts[name] += float(batch.weights.sum()) if measure.counts is None else batch.total(measure.counts)
            examples += batch.inputs.shape[1]
    measures = {name: total / examples for name, total in sums.items()}
    over_steps = {name: total / counts[name] if counts[name] else math.nan for name, total in values.items()}
    return Evaluation(loss / weight, wrong / examples, measures, over_steps, examples)


@torch.no_grad()
def baseline_loss(task: Task, batches: Iterable[Batch]) -> float | None:
    """The loss of the best constant on these batches, as `evaluate` counts; None when the task gives none."""
    loss = weight = 0.0
    for batch in batches:
        outputs = task.baseline_outputs(batch)
        if outputs is None:
            return None
        loss += float((task.losses(outputs, batch).double() * batch.weights).sum())
        weight += float(batch.weights.sum())
    return loss / weight
