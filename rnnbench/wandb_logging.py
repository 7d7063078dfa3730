"""What W&B gets of a run and where: settings, and name, rows, configuration and summary as plain values."""

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import BaseModel, Field

from rnnbench.schema import DIFFICULTY, IDENTITY, PROVENANCE

Row = Mapping[str, Any]
SECTIONS = ("train", "validation", "confirmation", "test", "gradient")  # of W&B, by the first words of columns
CURVE = "curve"
"""The key of the configuration by which a dashboard groups runs: cell, task and what is swept, all but the seed."""
PROFILE_AXES = ("layer", "time_step")
HEAT_MAP = "top: at first; right: end of the sequence; white: largest; black: 6 decades below"
Mode = Literal["offline", "online", "disabled"]
ID_LENGTH, TAG_LENGTH, NAME_LENGTH = 64, 64, 128  # W&B's limits
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]


class WandbSettings(BaseModel, extra="forbid", frozen=True):
    """Where runs are logged; conf/config.yaml explains each setting, and which variable counts where it is null."""

    mode: Mode | None
    project: Annotated[Name, Field(pattern=r"^[^/\\#?%:]+$")] | None
    entity: str | None
    group: Name | None
    tags: tuple[Annotated[str, Field(min_length=1)], ...]
    notes: str | None
    init_timeout_s: float = Field(gt=0, le=10)
    log_model: bool
    system: bool

    def resolved_mode(self) -> Mode:
        """The mode as set, or else as WANDB_MODE says, or else offline."""
        wanted = self.mode or os.environ.get("WANDB_MODE")
        return next((mode for mode in get_args(Mode) if mode == wanted), "offline")

    def arguments(self, experiment: str, run: str = "", tags: tuple[str, ...] = (), id: str = "") -> dict[str, Any]:
        """The arguments of wandb.init: where a run goes, and nothing of the machine. A W&B agent has chosen the id."""
        from_environment = filter(None, os.environ.get("WANDB_TAGS", "").split(","))
        return {
            "id": None if os.environ.get("WANDB_SWEEP_ID") else id, "name": run[:NAME_LENGTH],
            "project": self.project or os.environ.get("WANDB_PROJECT") or "rnnbench",
            "entity": self.entity,
            "group": self.group or os.environ.get("WANDB_RUN_GROUP") or experiment[:NAME_LENGTH],
            "tags": list(dict.fromkeys(tag[:TAG_LENGTH] for tag in (*tags, *(self.tags or from_environment)))),
            "notes": self.notes, "job_type": "train",
            "settings": {
                "silent": True, "host": "", "program": "rnnbench", "console": "off", "symlink": False,
                "init_timeout": self.init_timeout_s, "x_save_requirements": False, "disable_git": True,
                "x_disable_meta": True, "x_disable_machine_info": True, "x_disable_stats": not self.system,
            },
        }  # fmt: skip


def identity(experiment: str, columns: Row) -> str:
    """The run's id in its W&B project: another one when it starts anew or with other code, since W&B keeps old rows."""
    name = f"{experiment}-{columns['run']}"
    of = f"{name} {columns.get('started_at')} {columns.get('component_source')}"
    return f"{name[: ID_LENGTH - 9]}-{hashlib.sha256(of.encode()).hexdigest()[:8]}"


def history_row(row: Row) -> dict[str, float]:
    """The finite numbers of a row but its step, each in its section: validation_loss is validation/loss."""
    found = {}
    for column, value in row.items():
        section, _, rest = column.partition("_")
        if column != "step" and isinstance(value, Real) and math.isfinite(value):
            found[f"{section}/{rest}" if section in SECTIONS and rest else f"measured/{column}"] = float(value)
    return found


def profile_row(profiles: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, float]:
    """Of each profile over time its values 0, 1, 2, 4, 8 ... steps before its last step with a value."""
    found: dict[str, float] = {}
    for name, profile in profiles.items():
        last = int(np.flatnonzero(np.nan_to_num(profile, posinf=0.0))[-1:].sum())
        back = {lag: float(profile[last - lag]) for lag in (0, *(1 << power for power in range(32))) if lag <= last}
        found |= {f"profile/{name}_{lag}_steps_back": value for lag, value in back.items() if math.isfinite(value)}
    return found


def heat_map(profiles: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Grey levels of profiles over time, a row each, from white at the largest value to black 6 decades below it."""
    values = np.nan_to_num(np.stack(profiles), posinf=0.0)
    decades = np.log10(np.maximum(values / values.max(initial=1e-300), 1e-6))
    block = [max(1, size // count) for size, count in zip((240, 480), values.shape, strict=True)]
    return np.kron(255 * (1 + decades / 6), np.ones(block)).astype(np.uint8)


def configuration(settings: Row, columns: Row, experiment: str, label: str) -> dict[str, Any]:
    """Settings as on the command line, what the run is, by the columns of its summary, and what is swept, a label."""
    cell, task, setting = columns["cell"], columns["task"], columns.get("difficulty_setting")
    difficulty = [f"{setting}={columns.get(DIFFICULTY)}"] if setting else []
    return {
        **settings, **{name: columns.get(name) for name in ("run", "backend", DIFFICULTY)},
        "experiment": experiment, "cell_name": cell, "task_name": task,
        CURVE: " ".join([f"{cell}, {task}", *dict.fromkeys([*difficulty, *label.split()])]),
        "provenance": {name: columns[name] for name in PROVENANCE if name in columns},
    }  # fmt: skip


def results(columns: Row) -> dict[str, Any]:
    """The summary: status, error and the numbers of the run's row in runs.csv."""
    found = {name: value for name, value in columns.items() if name not in (*IDENTITY, *PROVENANCE)}
    if columns.get("has_criterion") is False:
        del found["solved"]
    elif columns.get("budget_steps") is not None:  # so that a mean leaves out no run
        found["steps_to_solve_or_budget"] = columns.get("steps_to_solve") or columns["budget_steps"]
    return {name: str(columns[name]) for name in ("status", "error") if columns.get(name)} | history_row(found)
