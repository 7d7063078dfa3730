"""Milestones: criteria weaker than a task's own, which show how far a run got that does not solve it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Milestone:
    """Met when the held-out mean of `measure` is below `below`, or below that fraction of the best constant.

    `measure` is `loss`, `error_rate` or one of the task's own (see `Task.measures`).
    """

    name: str
    meaning: str
    source: str
    measure: str
    below: float
    of_baseline: bool = False

    def met(self, means: Mapping[str, float], baseline_loss: float | None) -> bool:
        """Whether held-out means, by measure, meet it."""
        if not self.of_baseline:
            return means[self.measure] < self.below
        return baseline_loss is not None and means[self.measure] < self.below * baseline_loss


HALF_BASELINE = Milestone(
    "half_baseline", "loss below half of the best constant", "our own choice", "loss", 0.5, of_baseline=True
)
LEFT_BASELINE = Milestone(
    "left_baseline",
    "loss below 0.9 of the best constant: something is remembered",
    "Arjovsky et al. (2016) read off their curves which networks leave the baseline; 0.9 is our own choice",
    "loss",
    0.9,
    of_baseline=True,
)


LARGE_SQUARED_ERROR = "large_squared_error"
"""Measure: 1 for an example whose squared error is above SQUARED_ERROR times the squared range of targets, else 0."""
SQUARED_ERROR = 0.04

SQUARED_ERRORS = Milestone(
    "squared_errors",
    f"less than 1% of examples with a squared error above {SQUARED_ERROR} on a target of range 1 (that is "
    "|error| > 0.2; on a sum, of range 2, > 0.4)",
    "the code released with Pascanu et al. (2013), which compares the squared error, not |error|, with 0.04, and whose "
    "adding problem asks for the mean of the two numbers",
    LARGE_SQUARED_ERROR,
    0.01,
)
MEAN_SQUARED_ERROR = Milestone(
    "mse_below_0_01",
    "mean squared error below 0.01",
    "the second half of Hochreiter & Schmidhuber's (1997) criterion, theirs on targets 0.5 + (X1 + X2)/4",
    "loss",
    0.01,
)

RECALL_ERROR = "recall_error"
"""Measure: the fraction of the symbols to recall that is wrong."""

RECALL = Milestone(
    "recall_above_0_99",
    "more than 99% of the symbols to recall are correct, counted one by one",
    "accuracy per symbol is what Gu & Dao (2023) and Feng et al. (2024) report; 99% is our own choice",
    RECALL_ERROR,
    0.01,
)
