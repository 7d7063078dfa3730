"""How long and how to train."""

from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, Field, PositiveInt, field_validator
from pydantic_core.core_schema import ValidationInfo

from rnnbench.errors import SettingError
from rnnbench.tasks import Task
from rnnbench.tasks.wrapped import innermost
from rnnbench.training.truncation import windows

Budget = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

IN_STEPS = {"epochs": "steps", "eval_every_epochs": "eval_every"}
"""The settings in epochs, with those in training steps that they take the place of."""


class TrainSettings(BaseModel, extra="forbid", frozen=True, validate_default=True):
    """How long and how to train; conf/config.yaml explains each setting."""

    steps: Budget | None
    epochs: Budget | None = None
    batch_size: PositiveInt
    examples: PositiveInt | None = None
    truncate: PositiveInt | None = None
    gradient_clip_norm: Positive | None
    gradient_clip_value: Positive | None = None
    weight_noise: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    eval_every: PositiveInt | None
    eval_every_epochs: PositiveInt | None = None
    eval_examples: PositiveInt
    confirm_examples: PositiveInt | None
    stop_when_solved: bool
    selection: Literal["last", "best"] = "last"
    patience: PositiveInt | None = None
    keep_weights: bool = True
    checkpoint_every_s: Annotated[float, Field(ge=0)]

    @field_validator("epochs", "eval_every_epochs")
    @classmethod
    def _one_unit(cls, epochs: int | None, info: ValidationInfo) -> int | None:
        in_steps = IN_STEPS[str(info.field_name)]
        if in_steps not in info.data:  # refused already
            return epochs
        steps = info.data[in_steps]
        if steps is not None and epochs is not None:
            raise ValueError(f"must be null where train.{in_steps}={steps}; set train.{in_steps}=null")
        if steps is None and epochs is None:
            raise ValueError(f"must be a number where train.{in_steps} is null")
        return epochs

    @field_validator("gradient_clip_value")
    @classmethod
    def _one_clipping(cls, value: float | None, info: ValidationInfo) -> float | None:
        norm = info.data.get("gradient_clip_norm")
        if value is not None and norm is not None:
            raise ValueError(f"must be null where train.gradient_clip_norm={norm:g}; set train.gradient_clip_norm=null")
        return value

    def in_steps(self, task: Task) -> "StepSettings":
        """The same with budget and interval in training steps. Raises SettingError where the task has no epochs."""
        counted: dict[str, Any] = {}
        for name, epochs in (("epochs", self.epochs), ("eval_every_epochs", self.eval_every_epochs)):
            if epochs is not None:
                in_steps = IN_STEPS[name]
                steps = epochs * self._steps_per_epoch(task, f"train.{name}={epochs}", f"train.{in_steps}")
                counted |= {in_steps: steps, name: None}
        return StepSettings.model_validate(self.model_dump() | counted)

    def _steps_per_epoch(self, task: Task, wanted: str, remedy: str) -> int:
        batches = task.batches_per_epoch(self.batch_size)
        if batches is None:
            raise SettingError(
                f"{wanted}: {type(innermost(task)).__name__} draws fresh sequences without end, so it has no epochs; "
                f"give {remedy} instead, and {wanted.partition('=')[0]}=null"
            )
        if self.truncate is None:
            return batches
        epoch = task.training_batches(self.batch_size, torch.Generator().manual_seed(0))
        counts = {sum(1 for _ in windows(iter([next(epoch)]), self.truncate)) for _ in range(batches)}
        if len(counts) > 1:
            raise SettingError(
                f"{wanted}: with train.truncate={self.truncate} the batches of this task have between {min(counts)} "
                f"and {max(counts)} training steps, by the lengths of their sequences; give {remedy} instead"
            )
        return batches * counts.pop()


class StepSettings(TrainSettings, frozen=True):
    """Settings whose budget and interval are in training steps."""

    steps: Budget
    eval_every: PositiveInt
