"""Training: the loop, its evaluation, its streams of randomness, and one whole run."""

from rnnbench.training.loop import TrainSettings
from rnnbench.training.run import Run

__all__ = ["Run", "TrainSettings"]
