"""Where and how runs are logged to W&B."""

import os
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rnnbench.errors import SettingError, validation_message

Mode = Literal["offline", "online", "disabled"]
TAG_LENGTH, NAME_LENGTH = 64, 128
"""W&B's limits."""
REPLACED = ("WANDB_MODE", "WANDB_RESUME", "WANDB_DIR", "WANDB_NAME", "WANDB_TAGS")
"""W&B's variables that wandb would check, although each run says all of them itself."""
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]


class WandbSettings(BaseModel):
    """Where runs are logged; conf/config.yaml explains each setting. W&B's own variables fill what is not set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode | None
    project: Annotated[Name, Field(pattern=r"^[^/\\#?%:]+$")] | None
    entity: str | None
    group: Name | None
    tags: tuple[Annotated[str, Field(min_length=1)], ...]
    notes: str | None
    init_timeout_s: float = Field(gt=0, le=10)

    @classmethod
    def checked(cls, content: Any) -> "WandbSettings":
        """The settings from a configuration's `wandb`. Raises SettingError."""
        try:
            return cls.model_validate({**content, "tags": list(content.tags)})
        except ValidationError as error:
            raise SettingError(f"wandb.{validation_message(error)}") from error

    def resolved_mode(self) -> Mode:
        """The mode as set, or else as WANDB_MODE says, or else offline."""
        said = self.mode or os.environ.get("WANDB_MODE")
        return next((mode for mode in get_args(Mode) if mode == said), "offline")

    def check_multirun(self) -> None:
        """Raises SettingError in an agent of W&B, whose id is for one run."""
        if (sweep := os.environ.get("WANDB_SWEEP_ID")) and self.resolved_mode() != "disabled":
            raise SettingError(
                f"WANDB_SWEEP_ID={sweep}: an agent of W&B starts one run; leave out -m, or wandb=disabled"
            )

    def arguments(self, experiment: str, run: str = "", tags: tuple[str, ...] = (), id: str = "") -> dict[str, Any]:
        """The arguments of wandb.init that say where a run goes, within W&B's limits. A W&B agent has chosen the id."""
        added = self.tags or (tag.strip() for tag in os.environ.get("WANDB_TAGS", "").split(","))
        return {
            "id": None if os.environ.get("WANDB_SWEEP_ID") else id,
            "name": run[:NAME_LENGTH],
            "project": self.project or os.environ.get("WANDB_PROJECT") or "rnnbench",
            "entity": self.entity or os.environ.get("WANDB_ENTITY") or None,
            "group": self.group or os.environ.get("WANDB_RUN_GROUP") or experiment[:NAME_LENGTH],
            "tags": list(dict.fromkeys(tag[:TAG_LENGTH] for tag in (*tags, *added) if tag)),
            "notes": self.notes or os.environ.get("WANDB_NOTES") or None,
            "job_type": os.environ.get("WANDB_JOB_TYPE") or "train",
        }
