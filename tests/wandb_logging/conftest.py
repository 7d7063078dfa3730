"""A W&B server, and a run of three rows that is logged as training logs it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wandb

from rnnbench.recorders.weights_and_biases import PATIENCE_S, WeightsAndBiases
from rnnbench.wandb_logging import WandbSettings, configuration, identity
from tests.wandb_logging.wandb_server import WandbServer, serving

RUN = "gru-adding-3-00000000"
ROWS: list[dict[str, float | str]] = [
    {"step": 0, "validation_loss": 0.75, "train_loss": float("nan"), "gradient_loss_at": "last"},
    {"step": 10, "validation_loss": 0.5, "train_loss": 0.625},
    {"step": 20, "validation_loss": 0.25, "train_loss": 0.375},
]
PROFILE = np.linspace(1, 2, 6).reshape(1, 6)
SUMMARY: dict[str, Any] = {
    "run": RUN,
    "status": "done",
    "cell": "gru",
    "task": "adding",
    "seed": 3,
    "backend": "fused",
    "difficulty_setting": "length",
    "difficulty": 6,
    "git_commit": "abc",
    "test_loss": 0.125,
    "solved": False,
    "has_criterion": True,
    "budget_steps": 20,
    "steps_to_solve": None,
}
SETTINGS = {"cell": {"_target_": "rnnbench.cells.gru.Gru"}, "seed": 3, "train": {"steps": 20}}
AXES = {"gradient_profile": {"norm": ("layer", "time_step")}}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """A server that wandb's own client finds and has a key for."""
    with serving() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture(autouse=True)
def wandb_of_a_new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a process remembers of W&B is forgotten before the test; its end waits for nothing."""
    for name, value in {"left_s": PATIENCE_S, "away": False, "core": None}.items():
        monkeypatch.setattr(WeightsAndBiases, name, value)
    wandb.teardown()
    yield
    started = time.monotonic()
    wandb.teardown()
    assert time.monotonic() - started < 2


def settings(**given: Any) -> WandbSettings:
    """Settings of W&B with these changes."""
    unset = dict.fromkeys(("mode", "project", "entity", "group", "notes"))
    return WandbSettings(**unset | {"tags": (), "init_timeout_s": 5, "log_model": False, "system": False} | given)


def begin(
    folder: Path, mode: str = "offline", past: int = 0, experiment: str = "experiment", **arguments: Any
) -> WeightsAndBiases:
    """Start a run that has `past` rows from an earlier session."""
    folder.mkdir(parents=True, exist_ok=True)
    summary = SUMMARY | {"run": folder.name}
    chosen = settings(mode=mode, log_model=True)
    named = chosen.arguments(experiment, folder.name, ("gru", "adding"), identity(experiment, summary)) | arguments
    return WeightsAndBiases(
        folder,
        chosen,
        {"config": configuration(SETTINGS, summary, experiment, "lr=0.01 length=6"), **named},
        axes=AXES,
        past_rows=ROWS[:past],
        past_arrays={"gradient_profile": [(int(row["step"]), {"norm": PROFILE}) for row in ROWS[:past]]},
    )


def record(recorder: WeightsAndBiases, *rows: dict[str, float | str]) -> None:
    """Rows, each with a profile."""
    for row in rows:
        recorder.store("gradient_profile", int(row["step"]), {"norm": PROFILE})
        recorder.record(row)


def log_a_run(folder: Path, mode: str = "offline", past: int = 0, **options: Any) -> None:
    """A whole run."""
    recorder = begin(folder, mode, past, **options)
    (folder / "weights.pt").write_bytes(b"weights")
    record(recorder, *ROWS[past:])
    recorder.finish(SUMMARY | {"run": folder.name})
