"""How far a run has come: a bar on the terminal, and a small file that the launching process of a sweep reads."""

import shutil
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
PERIOD_S = 2.0
"""Between two writes of the file."""


class ProgressBar(Recorder):
    """One line: the run, steps, training and validation loss; silent where the output is not a terminal.

    A wide terminal also shows the steps per second and the baseline's loss where there is one.
    """

    def __init__(self, run: str, steps: int, start: int, baseline_loss: float | None) -> None:
        columns = shutil.get_terminal_size().columns
        wide = columns >= WIDE
        self.baseline = f", baseline {baseline_loss:.2g}" if wide and baseline_loss is not None else ""
        speed = "{n_fmt}/{total_fmt}, {rate_fmt}, " if wide else ""
        self.bar = tqdm(
            total=steps,
            initial=start,
            desc=run[: 24 if wide else 16],
            unit="step",
            disable=None,
            leave=False,
            ncols=columns - 1,
            bar_format=f"{{desc}} {{percentage:.0f}}%|{{bar}}| {speed}{{remaining}} left{{postfix}}",
        )

    def advance(self, step: int) -> None:
        self.bar.update()

    def record(self, row: Scalars) -> None:
        if "validation_loss" in row:
            trained = f"loss {row['train_loss']:.2g}, " if row["step"] != 0 else ""
            self.bar.set_postfix_str(f"{trained}validation {row['validation_loss']:.2g}{self.baseline}")

    def finish(self, summary: Mapping[str, Any]) -> None:
        self.bar.close()


def write_progress(path: Path, done: int, left: int) -> None:
    """Write the steps that this launch has trained a run, and those that are left.

    On a full disk the launching process knows less, and the run continues.
    """
    with suppress(OSError):
        path.write_text(f"{done} {left}")


def share_done(path: Path) -> float:
    """The share of a run's steps in this launch that is done; 0 where the file is missing or half written."""
    try:
        done, left = map(int, path.read_text().split())
    except (OSError, ValueError):
        return 0.0
    return done / max(done + left, 1)


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
