"""Recorders: the objects that receive a run's measurements.

- `recorder`: the base class, callbacks for the events of a run.
- `progress_bar`: progress on the terminal.
- `progress_file`: progress of a sweep's run, for the launching process.
- `weights_and_biases`: logging to W&B.
"""

from rnnbench.recorders.progress_bar import ProgressBar
from rnnbench.recorders.progress_file import ProgressFile
from rnnbench.recorders.recorder import Recorder
from rnnbench.recorders.weights_and_biases import WeightsAndBiases
from rnnbench.store.writer import RunFolder

__all__ = ["ProgressBar", "ProgressFile", "Recorder", "RunFolder", "WeightsAndBiases"]
