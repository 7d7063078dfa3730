"""What W&B gets of a run and where: settings, and name, rows, configuration and summary as plain values."""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from rnnbench.errors import SettingError
from rnnbench.schema import DIFFICULTY, IDENTITY, PROVENANCE

Arrays = Mapping[str, "np.ndarray[Any, Any]"]
SECTIONS = ("train", "validation", "confirmation", "gradient")
"""The first words of columns that are sections of their own in W&B."""
CURVE = "cell_and_task"
"""The key of the configuration by which a dashboard groups runs: what differs but for the seed."""
PROFILE_AXES = ("layer", "time_step")
Mode = Literal["offline", "online", "disabled"]
ID_LENGTH, TAG_LENGTH, NAME_LENGTH = 64, 64, 128
"""W&B's limits."""
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]


class WandbSettings(BaseModel):
    """Where runs are logged; conf/config.yaml explains each setting, and which variable counts where it is null."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode | None
    project: Annotated[Name, Field(pattern=r"^[^/\\#?%:]+$")] | None
    entity: str | None
    group: Name | None
    tags: tuple[Annotated[str, Field(min_length=1)], ...]
    notes: str | None
    init_timeout_s: float = Field(gt=0, le=10)

    def resolved_mode(self) -> Mode:
        """The mode as set, or else as WANDB_MODE says, or else offline."""
        wanted = self.mode or os.environ.get("WANDB_MODE")
        return next((mode for mode in get_args(Mode) if mode == wanted), "offline")

    def check_multirun(self) -> None:
        """Raises SettingError in an agent of W&B, whose id is for one run."""
        if (sweep := os.environ.get("WANDB_SWEEP_ID")) and self.resolved_mode() != "disabled":
            raise SettingError(f"WANDB_SWEEP_ID={sweep}: an agent of W&B starts one run; leave out -m")

    def arguments(self, experiment: str, run: str = "", tags: tuple[str, ...] = (), id: str = "") -> dict[str, Any]:
        """The arguments of wandb.init that say where a run goes, within W&B's limits. A W&B agent has chosen the id."""
        from_environment = filter(None, os.environ.get("WANDB_TAGS", "").split(","))
        return {
            "id": None if os.environ.get("WANDB_SWEEP_ID") else id,
            "name": run[:NAME_LENGTH],
            "project": self.project or os.environ.get("WANDB_PROJECT") or "rnnbench",
            "entity": self.entity,
            "group": self.group or os.environ.get("WANDB_RUN_GROUP") or experiment[:NAME_LENGTH],
            "tags": list(dict.fromkeys(tag[:TAG_LENGTH] for tag in (*tags, *(self.tags or from_environment)))),
            "notes": self.notes,
            "job_type": "train",
        }


def identity(experiment: str, columns: Mapping[str, Any]) -> str:
    """The run's id in its W&B project: the same for every session of the run, another when it is done again.

    Its rows only ever follow those that W&B has. So a run that starts anew, or with other code, is another to W&B.
    """
    name = f"{experiment}-{columns['run']}"
    of = f"{name} {columns.get('started_at')} {columns.get('component_source')}"
    return f"{name[: ID_LENGTH - 9]}-{hashlib.sha256(of.encode()).hexdigest()[:8]}"


def history_row(row: Mapping[str, float | str]) -> dict[str, float]:
    """The finite numbers of a row but its step, each in its section: validation_loss is validation/loss."""
    found = {}
    for column, value in row.items():
        section, _, rest = column.partition("_")
        if column != "step" and not isinstance(value, str) and math.isfinite(value):
            found[f"{section}/{rest}" if section in SECTIONS and rest else f"measured/{column}"] = float(value)
    return found


def profile_row(arrays: Arrays, axes: Mapping[str, tuple[str, ...]]) -> dict[str, float]:
    """Of each profile over time, the top layer's values 0, 1, 2, 4, 8 ... steps before its last step with a value."""
    found: dict[str, float] = {}
    for name in (name for name in arrays if axes.get(name) == PROFILE_AXES):
        backwards = arrays[name][-1][::-1]
        backwards = backwards[np.argmax(np.isfinite(backwards) & (backwards != 0)) :]
        lags = (0, *(1 << exponent for exponent in range(32)))
        found |= {f"profile/{name}_{lag}_steps_back": float(backwards[lag]) for lag in lags if lag < len(backwards)}
    return {key: value for key, value in found.items() if math.isfinite(value)}


def configuration(settings: Mapping[str, Any], columns: Mapping[str, Any], experiment: str) -> dict[str, Any]:
    """Settings as on the command line, what the run is, and its provenance; `columns` are those of its summary."""
    cell, task, setting = columns["cell"], columns["task"], columns.get("difficulty_setting")
    return {
        **settings,
        "experiment": experiment,
        "run": columns["run"],
        "cell_name": cell,
        "task_name": task,
        CURVE: f"{cell}, {task}" + (f" {setting}={columns.get(DIFFICULTY)}" if setting else ""),
        "backend": columns["backend"],
        DIFFICULTY: columns.get(DIFFICULTY),
        "provenance": {name: columns[name] for name in PROVENANCE if name in columns},
    }


def results(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The summary: status and results by their column in runs.csv."""
    others = (set(IDENTITY) | set(PROVENANCE)) - {"status"}
    found = {name: value for name, value in columns.items() if name not in others and value not in (None, "")}
    return dict(json.loads(json.dumps(found, default=float)))  # the status as text, numpy's numbers as Python's
