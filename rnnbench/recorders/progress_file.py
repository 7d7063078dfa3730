"""How far a run has come, in a small file that the launching process reads."""

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from rnnbench.recorders.recorder import Recorder

PERIOD_S = 2.0


class StepsDone(NamedTuple):
    """Training steps of a run."""

    start: int
    """Where this launch took the run up."""
    step: int
    steps: int
    """At most so many in all; 0 before that is known."""

    @classmethod
    def read(cls, path: Path) -> "StepsDone":
        """What the file says; nothing done when it is missing or half written."""
        try:
            return cls(*map(int, path.read_text().split()))
        except (OSError, ValueError, TypeError):
            return cls(0, 0, 0)

    def write(self, path: Path) -> None:
        """Write the file; on a full disk the launching process knows less, and the run continues."""
        with suppress(OSError):
            path.write_text(" ".join(map(str, self)))


class ProgressFile(Recorder):
    """Writes the steps done every few seconds, and removes the file in the end."""

    def __init__(self, path: Path, start: int, steps: int) -> None:
        self.path, self.start, self.steps = path, start, steps
        StepsDone(start, start, steps).write(path)
        self.written_at = time.monotonic()

    def advance(self, step: int) -> None:
        if (now := time.monotonic()) - self.written_at >= PERIOD_S:
            StepsDone(self.start, step, self.steps).write(self.path)
            self.written_at = now

    def finish(self, summary: Mapping[str, Any]) -> None:
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
