"""Training.

- `run`: one whole run, from its start or last checkpoint to its results.
- `loop`: the training loop, with evaluation, early stopping, probes and checkpoints.
- `checkpoint`: what a resumed run needs, with what wrote it, as tensors and plain values.
- `evaluation`: loss and error rate on held-out data.
- `streams`: random generators for weights, training data and held-out data, all from one seed.
"""

from rnnbench.training.loop import TrainSettings
from rnnbench.training.run import Run

__all__ = ["Run", "TrainSettings"]
