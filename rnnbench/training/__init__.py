"""Training.

- `run`: one whole run, from its start or last checkpoint to its results.
- `loop`: the training loop, with evaluation, early stopping, probes and checkpoints.
- `progress`: how far a run has come.
- `settings`: how long and how to train, and budgets in epochs as training steps.
- `batch_check`: the shapes of a task's batches, losses and verdicts.
- `truncation`: truncated backpropagation through time: batches cut into windows.
- `checkpoint`: what wrote a checkpoint; digests of code and weights.
- `evaluation`: loss and error rate on held-out data.
- `update`: the gradient's norm, clipping and the optimizer's step, on one tensor of all parameters.
- `randomness`: a generator for each purpose, all from one seed; noise; evaluation without it; what no seed reaches.
"""

from rnnbench.training.run import Run
from rnnbench.training.settings import StepSettings, TrainSettings

__all__ = ["Run", "StepSettings", "TrainSettings"]
