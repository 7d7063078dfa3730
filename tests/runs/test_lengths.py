"""Evaluation at other lengths, lengths drawn in training, a fixed training set: recomputed from the kept weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import rnnbench
from rnnbench.errors import SettingError
from rnnbench.tasks.adding import Adding
from rnnbench.training.randomness import Streams

SHORT: dict[str, Any] = {
    "train": {"steps": 6, "batch_size": 5, "eval_every": 2, "eval_examples": 300, "confirm_examples": 20},
    "model.hidden_size": 4,
    "optimizer.lr": 0.05,
    "wandb": "disabled",
    "probe": ["costs"],
}


def trained(folder: Path, **settings: Any) -> "pd.Series[Any]":
    made = rnnbench.run("gru", name="runs", results_dir=folder, seed=3, **{**SHORT, **settings})
    row: pd.Series[Any] = made.runs.iloc[0]
    return row


@pytest.mark.parametrize("selection", ["last", "best"])
def test_other_lengths_are_those_of_the_tested_weights_on_fresh_sequences(tmp_path: Path, selection: str) -> None:
    lengths = {"evaluation.lengths": [40, 9], "train.selection": selection, "optimizer.lr": 0.3}
    row = trained(tmp_path, **{"task.length": 12, **lengths})
    model = rnnbench.load_model(tmp_path / "runs" / "runs" / row["run"])
    for length in (9, 40):
        generator = Streams.from_seed(3).other_length(length)
        errors, constants, wrong = [], [], 0
        for size in [75] * 4 if length == 40 else [250, 50]:  # 250 sequences of 12 steps hold as much as 75 of 40
            batch = Adding(length).draw(size, generator)
            with torch.no_grad():
                outputs = model.predict(batch)[0, :, 0].numpy().astype(float)
            targets = batch.targets[0, :, 0].numpy().astype(float)
            errors += ((outputs - targets) ** 2).tolist()
            constants += ((1 - targets) ** 2).tolist()
            wrong += int((np.abs(outputs - targets) > 0.04).sum())
        assert row[f"test_loss_at_{length}"] == pytest.approx(np.mean(errors), rel=1e-5)
        assert row[f"test_baseline_loss_at_{length}"] == pytest.approx(np.mean(constants), rel=1e-5)
        assert row[f"test_error_rate_at_{length}"] == pytest.approx(wrong / 300)


def test_other_lengths_touch_nothing_else(tmp_path: Path) -> None:
    """The same weights, history and test as without them, and another run."""
    plain, evaluated = (trained(tmp_path, **{"task.length": 12, "evaluation.lengths": each}) for each in ([], [20]))
    assert plain["run"] != evaluated["run"]
    for column in ("weights_sha256", "test_loss", "validation_loss", "steps_to_solve"):
        assert plain[column] == evaluated[column] or pd.isna(plain[column])
    histories = [(tmp_path / "runs" / "runs" / row["run"] / "history.csv").read_bytes() for row in (plain, evaluated)]
    assert histories[0] == histories[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"task": "adding", "evaluation.lengths": [1]},
            r"lengths=\[1\]: task\.length=1: must be at least 2",
        ),
        ({"task": "sequential_digits", "evaluation.lengths": [9]}, r"evaluation\.lengths=\[9\]: must be \[\] for"),
        ({"task": "adding", "task.length": "7..3"}, r"task\.length=7\.\.3: must go from"),
        ({"task": "sequential_digits", "train.examples": 10}, r"train\.examples=10: must be null for SequentialDigits"),
    ],
)
def test_wrong_lengths_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises((SettingError, RuntimeError), match=message):
        trained(tmp_path, **settings)


def arrays(folder: Path, extra: dict[str, Any]) -> Path:
    parts = {"training": (200, 12), "validation": (100, 12), "test": (100, 12), "test_40": (70, 40)}
    content: dict[str, Any] = {}
    for index, (part, (examples, length)) in enumerate(parts.items()):
        batch = Adding(length).draw(examples, torch.Generator().manual_seed(index))
        content[f"inputs_{part}"] = batch.inputs.transpose(0, 1).numpy()
        content[f"targets_{part}"] = batch.targets[0].numpy()
    np.savez(folder / "adding.npz", **{**content, **extra})
    return folder / "adding.npz"


def test_arrays_with_test_sets_of_other_lengths(tmp_path: Path) -> None:
    path = arrays(tmp_path, {})
    row = trained(tmp_path, **{"task": "arrays", "task.path": str(path), "evaluation.lengths": [40]})
    model = rnnbench.load_model(tmp_path / "runs" / "runs" / row["run"])
    batch = Adding(40).draw(70, torch.Generator().manual_seed(3))
    with torch.no_grad():
        loss = float((model.predict(batch) - batch.targets).double().square().mean())
    assert row["test_loss_at_40"] == pytest.approx(loss, rel=1e-5)


CLASSES = {"training": 200, "validation": 100, "test": 100, "test_40": 70}


@pytest.mark.parametrize(
    ("extra", "lengths", "message"),
    [
        ({}, [41], r"has no array 'inputs_test_41'"),
        ({"inputs_test_40": np.zeros((70, 39, 2))}, [40], r"inputs_test_40 must have 40 steps"),
        (
            {f"targets_{part}": np.arange(size) % 2 + (part == "test_40") for part, size in CLASSES.items()},
            [40],
            r"its targets_test_40 have 2; others end at 1",
        ),
    ],
)
def test_test_sets_of_other_lengths_that_do_not_fit(
    tmp_path: Path, extra: dict[str, Any], lengths: list[int], message: str
) -> None:
    path = arrays(tmp_path, extra)
    with pytest.raises((SettingError, RuntimeError), match=message):
        trained(tmp_path, **{"task": "arrays", "task.path": str(path), "evaluation.lengths": lengths})


def test_a_fixed_training_set_is_gone_through_in_epochs(tmp_path: Path) -> None:
    train = SHORT["train"] | {"examples": 40, "steps": None, "epochs": 3}
    row = trained(tmp_path, **{"task.length": 12, "train": train})
    assert (row["steps_trained"], row["epochs_trained"]) == (24, 3)
    fresh = trained(tmp_path, **{"task.length": 12, "train": SHORT["train"] | {"steps": 24}})
    assert row["weights_sha256"] != fresh["weights_sha256"]
    assert row["test_baseline_loss"] == fresh["test_baseline_loss"]
