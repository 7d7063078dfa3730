"""A progress bar with loss, score and speed; silent when the output is not a terminal."""

from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

from rnnbench.recorders.recorder import Recorder, Scalars


class ProgressBar(Recorder):
    """One line: the run, steps done and per second, training and validation loss, the baseline's where there is one."""

    def __init__(self, run: str, steps: int, start: int, baseline_loss: float | None) -> None:
        self.baseline = "" if baseline_loss is None else f", baseline {baseline_loss:.3g}"
        self.bar = tqdm(
            total=steps, initial=start, desc=run, unit="step", disable=None, leave=False, dynamic_ncols=True
        )

    def advance(self, step: int) -> None:
        self.bar.update()

    def record(self, row: Scalars) -> None:
        if "validation_loss" in row:
            self.bar.set_postfix_str(
                f"loss {row['train_loss']:.3g}, validation {row['validation_loss']:.3g}{self.baseline}"
            )

    def finish(self, summary: Mapping[str, Any]) -> None:
        self.bar.close()
