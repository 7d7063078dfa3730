"""How far a run has come: a bar on the terminal, or a line now and then."""

import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

from rnnbench.recorders.recorder import Recorder, Scalars

tqdm.set_lock(threading.RLock())  # tqdm's own is shared between processes, and stays in the system after a kill

LINE_EVERY_S = 30.0
"""Between two lines where the output is no terminal."""


class ProgressBar(Recorder):
    """One line: the run, steps, time left, training and validation loss.

    Where the output is no terminal, `lines` prints one now and then.
    """

    def __init__(self, run: str, steps: int, start: int, lines: bool = False) -> None:
        self.run, self.steps, self.start, self.lines = run, steps, start, lines
        self.started_at = self.printed_at = time.monotonic()
        self.bar = tqdm(
            total=steps,
            initial=start,
            desc=run[:16],
            unit="step",
            disable=None,
            leave=False,
            dynamic_ncols=True,
            nrows=20,  # a terminal may say that it has none, where tqdm would draw nothing
            bar_format="{desc} {n_fmt}/{total_fmt}|{bar}| {remaining} left{postfix}",
        )

    def advance(self, step: int) -> None:
        self.bar.update()

    def record(self, row: Scalars) -> None:
        if "validation_loss" in row:
            trained = f"loss {row['train_loss']:.2g}, " if row["step"] != 0 else ""
            losses = f"{trained}validation {row['validation_loss']:.2g}"
            self.bar.set_postfix_str(losses)
            if self.bar.disable and self.lines:
                self._print(int(row["step"]), losses)

    def _print(self, step: int, losses: str) -> None:
        if (now := time.monotonic()) - self.printed_at >= LINE_EVERY_S and step > self.start:
            left = tqdm.format_interval((now - self.started_at) / (step - self.start) * (self.steps - step))
            print(f"{self.run}: step {step} of {self.steps}, {losses}; {left} left", file=sys.stderr)
            self.printed_at = now

    def finish(self, summary: Mapping[str, Any]) -> None:
        self.bar.close()
