"""How far a run has come: a bar on the terminal, and a small file that the launching process of a sweep reads."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from rnnbench.recorders.recorder import Recorder, Scalars

tqdm.set_lock(threading.RLock())  # tqdm's own is shared between processes, and stays in the system after a kill

WIDE = 110
"""Columns from which on a terminal has room for everything."""
PERIOD_S, LINE_EVERY_S = 2.0, 30.0
"""Between two writes of the file, and between two lines where the output is no terminal."""


class ProgressBar(Recorder):
    """One line: the run, steps, time left, training and validation loss.

    A wide terminal also shows the steps per second and the baseline's loss where there is one. Where the output is no
    terminal, `lines` prints one now and then, but for continuous integration, which sets CI in the environment.
    """

    def __init__(self, run: str, steps: int, start: int, baseline_loss: float | None, lines: bool = False) -> None:
        self.run, self.steps, self.start, self.lines = run, steps, start, lines and not os.environ.get("CI")
        self.started_at = self.printed_at = time.monotonic()
        wide = (columns := shutil.get_terminal_size().columns) >= WIDE
        self.baseline = f", baseline {baseline_loss:.2g}" if wide and baseline_loss is not None else ""
        speed = "{rate_fmt}, " if wide else ""
        self.bar = tqdm(
            total=steps,
            initial=start,
            desc=run[: 24 if wide else 16],
            unit="step",
            disable=None,
            leave=False,
            ncols=columns - 1,
            nrows=20,  # a terminal may say that it has none, where tqdm would draw nothing
            bar_format=f"{{desc}} {{n_fmt}}/{{total_fmt}}|{{bar}}| {speed}{{remaining}} left{{postfix}}",
        )

    def advance(self, step: int) -> None:
        self.bar.update()

    def record(self, row: Scalars) -> None:
        if "validation_loss" in row:
            trained = f"loss {row['train_loss']:.2g}, " if row["step"] != 0 else ""
            losses = f"{trained}validation {row['validation_loss']:.2g}{self.baseline}"
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


def write_progress(path: Path, done: int, left: int) -> None:
    """Write the steps that this launch has trained a run, and those that are left."""
    with suppress(OSError):  # on a full disk the launching process knows less, and the run continues
        path.write_text(f"{done} {left}")


def share_done(path: Path) -> float:
    """The share of a run's steps in this launch that is done; 0 where the file is missing or half written."""
    with suppress(OSError, ValueError):
        done, left = map(int, path.read_text().split())
        return done / max(done + left, 1)
    return 0.0


class ProgressFile(Recorder):
    """Writes the steps done every few seconds, and removes the file in the end."""

    def __init__(self, path: Path, start: int, steps: int) -> None:
        self.path, self.start, self.steps = path, start, steps
        self.written_at = time.monotonic()

    def advance(self, step: int) -> None:
        if (now := time.monotonic()) - self.written_at >= PERIOD_S:
            write_progress(self.path, step - self.start, self.steps - step)
            self.written_at = now

    def finish(self, summary: Mapping[str, Any]) -> None:
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
