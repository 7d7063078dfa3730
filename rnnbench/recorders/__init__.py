"""Recorders receive a run's measurements: progress for a terminal or a launching process, and W&B."""

from rnnbench.recorders.progress import ProgressBar, ProgressFile
from rnnbench.recorders.recorder import Recorder
from rnnbench.recorders.weights_and_biases import WeightsAndBiases
from rnnbench.store.writer import RunFolder

__all__ = ["ProgressBar", "ProgressFile", "Recorder", "RunFolder", "WeightsAndBiases"]
