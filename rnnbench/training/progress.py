"""How far a run has come; with weights and optimizer state, what a checkpoint holds."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rnnbench.recorders.recorder import Arrays, Scalars
from rnnbench.training.settings import StepSettings


@dataclass
class Progress:
    """How far a run has come."""

    step: int = 0
    history: list[Scalars] = field(default_factory=list)
    arrays: dict[str, list[tuple[int, Arrays]]] = field(default_factory=dict)
    recent_losses: list[float] = field(default_factory=list)
    """Training losses since the last evaluation."""
    step_times_s: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    """Real steps of all examples, per training step."""
    gradient_norm: float = math.nan
    """Of the last training step, before clipping."""
    first_crossing_step: int | None = None
    """The first evaluation that met the task's criterion on validation data."""
    confirmation_attempts: int = 0
    steps_to_solve: int | None = None
    """The first evaluation that met it, on validation data and then on fresh data as well."""
    milestones: dict[str, int] = field(default_factory=dict)
    """The first evaluation that met each of the task's milestones on validation data."""
    batches: int = 0
    """Training batches begun: with truncation, one for many steps."""
    best_loss: float = math.inf
    """The lowest validation loss so far."""
    best_step: int | None = None
    """The first evaluation with it."""
    evaluations_since_best: int = 0
    diverged_at_step: int | None = None
    elapsed_s: float = 0.0
    """Wall time of all sessions of a resumed run."""
    others_cpu_s: float = 0.0
    """CPU time that other processes used meanwhile; NaN where the system does not report it."""

    def ended_by(self, settings: StepSettings) -> Literal["solved", "patience", "budget"] | None:
        """Why no training step is to follow; None where one is."""
        if settings.stop_when_solved and self.steps_to_solve is not None:
            return "solved"
        if settings.patience is not None and self.evaluations_since_best >= settings.patience:
            return "patience"
        return "budget" if self.step >= settings.steps else None

    def to_plain(self) -> dict[str, Any]:
        """The progress as plain values, its arrays as tensors."""
        return vars(self) | {"arrays": _each(self.arrays, lambda array: torch.from_numpy(np.array(array)))}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Progress":
        """The progress of `to_plain`."""
        return cls(**plain | {"arrays": _each(plain["arrays"], Tensor.numpy)})


def _each(arrays: Mapping[str, Any], convert: Callable[[Any], Any]) -> dict[str, Any]:
    return {
        probe: [(step, {name: convert(value) for name, value in named.items()}) for step, named in measured]
        for probe, measured in arrays.items()
    }
