"""Recorders: the run store keeps a run; progress bar and W&B show it while it goes on."""

from rnnbench.recorders.progress_bar import ProgressBar
from rnnbench.recorders.recorder import Recorder
from rnnbench.recorders.run_store import RunFolder, RunStore
from rnnbench.recorders.weights_and_biases import WandbSettings, WeightsAndBiases

__all__ = ["ProgressBar", "Recorder", "RunFolder", "RunStore", "WandbSettings", "WeightsAndBiases"]
