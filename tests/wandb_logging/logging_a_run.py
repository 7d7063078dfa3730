"""A run of three rows, logged as training logs it."""

from pathlib import Path
from typing import Any

import numpy as np

from rnnbench.recorders import WeightsAndBiases
from rnnbench.wandb_logging.content import configuration, identity
from rnnbench.wandb_logging.messages import starting
from rnnbench.wandb_logging.process import WandbProcess

ROWS: list[dict[str, float | str]] = [
    {"step": 0, "validation_loss": 0.75, "train_loss": float("nan"), "parameters": 7, "gradient_loss_at": "last"},
    {"step": 10, "validation_loss": 0.5, "train_loss": 0.625},
    {"step": 20, "validation_loss": 0.25, "train_loss": 0.375},
]
PROFILE = np.linspace(1, 2, 6).reshape(1, 6)
SUMMARY: dict[str, Any] = {
    "run": "gru-adding-3-00000000",
    "status": "done",
    "cell": "gru",
    "task": "adding",
    "seed": 3,
    "backend": "fused",
    "difficulty_setting": "length",
    "difficulty": 6,
    "git_commit": "abc",
    "test_loss": 0.125,
    "steps_to_solve": None,
}
SETTINGS = {"cell": {"_target_": "rnnbench.cells.gru.Gru"}, "seed": 3, "train": {"steps": 20}}
AXES = {"gradient_profile": {"norm": ("layer", "time_step")}}


def begin(
    wandb_process: WandbProcess,
    folder: Path,
    mode: str = "offline",
    past: int = 0,
    timeout_s: float = 20,
    experiment: str = "experiment",
    where: dict[str, Any] | None = None,
) -> WeightsAndBiases:
    """Start a run that has `past` rows from an earlier session."""
    folder.mkdir(parents=True, exist_ok=True)
    config = configuration(SETTINGS, SUMMARY | {"run": folder.name}, experiment, 500)
    init = {"config": config, "project": "rnnbench", "group": experiment, "tags": ["gru", "adding"], **(where or {})}
    return WeightsAndBiases(
        wandb_process,
        starting(folder, experiment, identity(experiment, SUMMARY | {"run": folder.name}), mode, timeout_s, init),
        axes=AXES,
        constants={"parameters"},
        past_rows=ROWS[:past],
        past_arrays={"gradient_profile": [(int(row["step"]), {"norm": PROFILE}) for row in ROWS[:past]]},
        step_times_s=[0.5] * 20,
    )


def record(recorder: WeightsAndBiases, row: dict[str, float | str]) -> None:
    """A row, with a profile."""
    recorder.store("gradient_profile", int(row["step"]), {"norm": PROFILE})
    recorder.record(row)


def log_a_run(wandb_process: WandbProcess, folder: Path, mode: str = "offline", **options: Any) -> None:
    """A whole run."""
    recorder = begin(wandb_process, folder, mode, **options)
    for row in ROWS[options.get("past", 0) :]:
        record(recorder, row)
    recorder.finish(SUMMARY | {"run": folder.name})
