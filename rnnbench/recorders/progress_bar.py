"""A progress bar with loss, score and speed; silent when the output is not a terminal."""

from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

from rnnbench.recorders.recorder import Recorder, Scalars


class ProgressBar(Recorder):
    """One line: the run, steps done and per second, training loss, held-out loss against the trivial score."""

    def __init__(self, run: str, steps: int, start: int, trivial_score: float) -> None:
        self.trivial_score = trivial_score
        self.bar = tqdm(
            total=steps, initial=start, desc=run, unit="step", disable=None, leave=False, dynamic_ncols=True
        )

    def advance(self, step: int) -> None:
        self.bar.update()

    def record(self, row: Scalars) -> None:
        if "validation_loss" in row:
            self.bar.set_postfix_str(
                f"loss {row['train_loss']:.3g}, held out {row['validation_loss']:.3g}, trivial {self.trivial_score:.3g}"
            )

    def finish(self, summary: Mapping[str, Any]) -> None:
        self.bar.close()
