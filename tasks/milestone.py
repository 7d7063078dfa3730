"""Milestones: criteria weaker than a task's own, which show how far a run got that does not solve it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Milestone:
    """Met when the held-out mean of `measure` is below `below`.

    `measure` is `loss`, `error_rate` or one of the task's own (see `Task.measures`).
    """

    name: str
    meaning: str
    source: str
    measure: str
    below: float

    def met(self, means: Mapping[str, float]) -> bool:
        """Whether held-out means, by measure, meet it."""
        return means[self.measure] < self.below


LARGE_SQUARED_ERROR = "large_squared_error"
"""Measure: 1 for an example whose squared error is above SQUARED_ERROR, else 0."""
SQUARED_ERROR = 0.04

SQUARED_ERRORS = Milestone(
    "squared_errors",
    f"less than 1% of examples with a squared error above {SQUARED_ERROR} (that is |error| > 0.2)",
    "the code released with Pascanu et al. (2013), which compares the squared error, not |error|, with 0.04",
    LARGE_SQUARED_ERROR,
    0.01,
)
MEAN_SQUARED_ERROR = Milestone(
    "mean_squared_error",
    "mean squared error below 0.01",
    "the second half of Hochreiter & Schmidhuber's (1997) criterion, theirs on targets 0.5 + (X1 + X2)/4",
    "loss",
    0.01,
)

RECALL_ERROR = "recall_error"
"""Measure: the fraction of the symbols to recall that is wrong."""

RECALL = Milestone(
    "recall",
    "at least 99% of the symbols to recall are correct, counted one by one",
    "accuracy per symbol is what Gu & Dao (2023) and Feng et al. (2024) report; 99% is our own choice",
    RECALL_ERROR,
    0.01,
)


def half_baseline(baseline_loss: float) -> Milestone:
    """Half of the memoryless baseline."""
    return Milestone(
        "half_baseline", "loss below half of the memoryless baseline", "our own choice", "loss", baseline_loss / 2
    )


def left_baseline(baseline_loss: float) -> Milestone:
    """A loss clearly below the memoryless baseline."""
    return Milestone(
        "left_baseline",
        "loss below 0.9 of the memoryless baseline: something is remembered",
        "Arjovsky et al. (2016) read off their curves which networks leave the baseline; 0.9 is our own choice",
        "loss",
        0.9 * baseline_loss,
    )
