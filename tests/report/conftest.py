"""Run folders written by hand, in the run store's format."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnbench.schema import run_name


@pytest.fixture
def small_experiment(tmp_path: Path) -> Path:
    return write_small_experiment(tmp_path / "small")


@pytest.fixture(scope="module")
def same_experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small experiment, written once for tests that change nothing in it."""
    return write_small_experiment(tmp_path_factory.mktemp("same") / "small")


def write_run(root: Path, cell: str, seed: int, losses: dict[int, float], **summary: Any) -> Path:
    """Write a run's folder below root; returns it."""
    config = {
        "seed": seed,
        "model": {"hidden_size": 8, "backend": "torch"},
        "task": {"_target_": "rnnbench.tasks.adding.Adding", "length": 20},
        "optimizer": {"_target_": "torch.optim.Adam", "betas": [0.9, 0.99]},
    }
    name = run_name(cell, "adding", seed, config)
    folder = root / "runs" / name
    folder.mkdir(parents=True)
    last = max(losses)
    content = {
        "status": "done", "run": name, "cell": cell, "task": "adding", "seed": seed, "backend": "torch",
        "difficulty_setting": "length", "difficulty": 20, "solved": False, "steps_to_solve": None,
        "diverged_at_step": None, "steps_trained": last, "baseline_loss": 1 / 6, "test_loss": losses[last],
        "step_time_s": 0.002, "parameters": 100, "gradient_half_life": 4.0, "gradient_half_life_initial": 2.0,
        **summary,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "summary.json").write_text(json.dumps(content))
    rows = [f"{step},{loss}" for step, loss in losses.items()]
    (folder / "history.csv").write_text("\n".join(["step,validation_loss", *rows]) + "\n")
    norm = losses[last] * np.logspace(-4, 0, 20) * np.ones((2, 1, 1))
    np.savez_compressed(folder / "gradient_profile.npz", step=np.array([0, last]), norm=norm)
    return folder


def write_small_experiment(root: Path) -> Path:
    """Three cells: the GRU solves it twice, the RNN never, the LSTM diverges once and lacks a run."""
    write_run(root, "gru", 0, {0: 1.0, 100: 0.1, 200: 0.001}, solved=True, steps_to_solve=200)
    write_run(root, "gru", 1, {0: 1.0, 100: 0.001}, solved=True, steps_to_solve=100)
    write_run(root, "rnn", 0, {0: 1.0, 100: 0.18, 300: 0.16})
    write_run(root, "rnn", 1, {0: 1.0, 100: 0.17, 300: 0.18})
    write_run(root, "lstm", 0, {0: 1.0, 100: 0.15}, status="diverged", diverged_at_step=130, test_loss=None)
    launch = root / "launches" / "20260101-000000"
    launch.mkdir(parents=True)
    jobs = [[f"cell={cell}", f"seed={seed}"] for cell in ("gru", "rnn", "lstm") for seed in (0, 1)]
    (launch / "plan.json").write_text(json.dumps([{"overrides": job} for job in jobs]))
    for number, overrides in enumerate(jobs[:-1]):
        outcome = {"overrides": overrides, "status": "done", "run": "some", "message": ""}
        (launch / f"job-{number}.json").write_text(json.dumps(outcome))
    return root
