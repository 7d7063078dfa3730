"""Where and how runs are logged to W&B."""

import os
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Mode = Literal["offline", "online", "disabled"]
UNUSABLE = "/\\#?%:"
"""Characters that W&B refuses in the name of a project."""


def _project(name: str) -> str:
    if any(character in name for character in UNUSABLE):
        raise ValueError(f"must be without {' '.join(UNUSABLE)}")
    return name


Tag = Annotated[str, Field(min_length=1, max_length=64)]


class WandbSettings(BaseModel):
    """Where runs are logged; conf/config.yaml explains each setting. W&B's own variables fill what is not set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode | None
    project: Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_project)] | None
    entity: str | None
    group: Annotated[str, Field(min_length=1, max_length=128)] | None
    tags: tuple[Tag, ...]
    notes: str | None
    init_timeout_s: float = Field(gt=0)

    def resolved_mode(self) -> Mode:
        """The mode as set, or else as WANDB_MODE says, or else offline."""
        said = self.mode or os.environ.get("WANDB_MODE")
        return next((mode for mode in get_args(Mode) if mode == said), "offline")

    def arguments(self, experiment: str, tags: list[str]) -> dict[str, object]:
        """The arguments of wandb.init that say where a run of the experiment goes."""
        own = self.tags or _listed(os.environ.get("WANDB_TAGS", ""))
        return {
            "project": self.project or os.environ.get("WANDB_PROJECT") or "rnnbench",
            "entity": self.entity or os.environ.get("WANDB_ENTITY") or None,
            "group": self.group or os.environ.get("WANDB_RUN_GROUP") or experiment[:128],
            "tags": list(dict.fromkeys([*tags, *own])),
            "notes": self.notes or os.environ.get("WANDB_NOTES") or None,
            "job_type": os.environ.get("WANDB_JOB_TYPE") or "train",
        }


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
