"""Recorders receive a run's measurements: progress for a terminal, and W&B."""

from rnnbench.recorders.progress import ProgressBar
from rnnbench.recorders.recorder import Recorder
from rnnbench.recorders.weights_and_biases import WeightsAndBiases
from rnnbench.store.writer import RunFolder

__all__ = ["ProgressBar", "Recorder", "RunFolder", "WeightsAndBiases"]
