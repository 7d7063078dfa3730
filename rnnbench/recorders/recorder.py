"""What a recorder is: an object with callbacks for a run's events."""

from abc import ABC
from collections.abc import Mapping
from typing import Any

from rnnbench.store.writer import Arrays as Arrays
from rnnbench.store.writer import Scalars as Scalars


class Recorder(ABC):  # noqa: B024 - every callback has a default: a recorder overrides those that it needs
    """Callbacks of a run, called outside everything that is timed. Override those of interest."""

    def advance(self, step: int) -> None:
        """A training step is done."""

    def record(self, row: Scalars) -> None:
        """A row of the history, with its `step`."""

    def store(self, probe: str, step: int, arrays: Arrays) -> None:
        """A probe's arrays at a step."""

    def finish(self, summary: Mapping[str, Any]) -> None:
        """The run has ended, with this summary."""
