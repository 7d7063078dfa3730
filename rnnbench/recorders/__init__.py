"""Recorders: where measurements go."""

from rnnbench.recorders.ledger import Ledger, RunFolder
from rnnbench.recorders.progress_bar import ProgressBar
from rnnbench.recorders.recorder import Recorder
from rnnbench.recorders.weights_and_biases import WandbSettings, WeightsAndBiases

__all__ = ["Ledger", "ProgressBar", "Recorder", "RunFolder", "WandbSettings", "WeightsAndBiases"]
