"""A progress bar with loss, score and speed; silent when the output is not a terminal."""

import shutil
import sys
import threading
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

from rnnbench.recorders.recorder import Recorder, Scalars

tqdm.set_lock(
    threading.RLock()
)  # its own lock is shared between processes, and left in the system by one that is killed

WIDE = 110
"""Columns from which on a terminal has room for everything."""
WIDE_FORMAT = "{desc} {percentage:.0f}%|{bar}| {n_fmt}/{total_fmt}, {rate_fmt}, {remaining} left{postfix}"
NARROW_FORMAT = "{desc} {percentage:.0f}%|{bar}| {remaining} left{postfix}"


class ProgressBar(Recorder):
    """One line: the run, steps done and per second, training and validation loss, the baseline's where there is one."""

    def __init__(self, run: str, steps: int, start: int, baseline_loss: float | None) -> None:
        terminal = getattr(sys.stderr, "terminal", sys.stderr)  # a sweep shows standard error above its own line
        columns = shutil.get_terminal_size().columns
        wide = columns >= WIDE
        self.baseline = f", baseline {baseline_loss:.2g}" if wide and baseline_loss is not None else ""
        self.bar = tqdm(
            total=steps,
            initial=start,
            desc=_shortened(run, 24 if wide else 16),
            unit="step",
            disable=None,
            leave=False,
            ncols=columns - 1,
            file=terminal,
            bar_format=WIDE_FORMAT if wide else NARROW_FORMAT,
        )

    def advance(self, step: int) -> None:
        self.bar.update()

    def record(self, row: Scalars) -> None:
        if "validation_loss" in row:
            trained = f"loss {row['train_loss']:.2g}, " if row["step"] != 0 else ""
            self.bar.set_postfix_str(f"{trained}validation {row['validation_loss']:.2g}{self.baseline}")

    def finish(self, summary: Mapping[str, Any]) -> None:
        self.bar.close()


def _shortened(name: str, columns: int) -> str:
    """A name that fits, without its end where it is longer."""
    return name if len(name) <= columns else f"{name[: columns - 1]}…"
