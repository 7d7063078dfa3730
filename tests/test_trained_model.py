"""The trained model of a run, given back from its folder."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import rnnbench
from rnnbench.errors import SettingError
from rnnbench.storage import DamagedFileError
from rnnbench.tasks.adding import Adding
from rnnbench.training.evaluation import evaluate
from rnnbench.training.run import EVALUATION_BATCH
from rnnbench.training.streams import Streams
from tests.cli.conftest import SMALL, Command
from tests.cli.conftest import rnnbench as command

__all__ = ["command"]

CHOICES = ("cell=lstm", "task.length=6", "seed=2", "model.layers=2", "model.backend=eager", "probe=[]")


def test_its_test_loss_is_the_recorded_one(command: Command, tmp_path: Path) -> None:
    code, _, errors = command(*SMALL, *CHOICES, "train.steps=6", "train.selection=best", "optimizer.lr=0.1")
    assert code == 0, errors
    (folder,) = tmp_path.glob("results/default/runs/lstm-*")
    summary = json.loads((folder / "summary.json").read_text())
    model = rnnbench.load_model(str(folder))
    task = Adding(length=6)
    test = list(task.evaluation_batches("test", 8, EVALUATION_BATCH, Streams.from_seed(2).test))
    assert evaluate(model, task, test).loss == summary["test_loss"]
    assert not model.training
    validation = list(task.evaluation_batches("validation", 8, EVALUATION_BATCH, Streams.from_seed(2).validation))
    for weights, loss in (("last", "validation_loss"), ("best", "selected_validation_loss")):
        chosen = rnnbench.load_model(folder, weights=weights)  # type: ignore[arg-type]
        assert evaluate(chosen, task, validation).loss == summary[loss]

    with pytest.raises(SettingError, match="weights=first: must be one of selected, last, best"):
        rnnbench.load_model(folder, weights="first")  # type: ignore[arg-type]
    kept = torch.load(folder / "weights.pt", weights_only=True)
    kept["weights"][kept["selection"]]["readout.bias"] += 1
    torch.save(kept, folder / "weights.pt")
    with pytest.raises(DamagedFileError, match="does not hold the weights that the run's test was done with"):
        rnnbench.load_model(folder)
    (folder / "weights.pt").write_bytes(b"cut")
    with pytest.raises(DamagedFileError, match=r"weights\.pt: cannot be read"):
        rnnbench.load_model(folder)
    (folder / "weights.pt").unlink()
    with pytest.raises(DamagedFileError, match=r"weights\.pt: is missing: .* rerun=true"):
        rnnbench.load_model(folder)


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, rnnbench; assert 'torch' not in sys.modules; assert 'load_model' in dir(rnnbench)"
    subprocess.run([sys.executable, "-c", code], check=True)
