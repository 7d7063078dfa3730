"""The trained model of a run, given back from its folder."""

import json
import random
import sys
from pathlib import Path

import pytest
import torch

import rnnbench
from rnnbench.errors import SettingError
from rnnbench.store.atomic import DamagedFileError
from rnnbench.tasks.adding import Adding
from rnnbench.training.evaluation import EVALUATION_BATCH, evaluate
from rnnbench.training.randomness import Streams
from tests.cli.conftest import SMALL, Command
from tests.cli.conftest import rnnbench as command

__all__ = ["command"]

CHOICES = ("cell=lstm", "task.length=6", "seed=2", "model.layers=2", "model.backend=eager", "probe=[]")


def test_its_test_loss_is_the_recorded_one_or_it_is_refused(command: Command, tmp_path: Path) -> None:
    code, _, errors = command(*SMALL, *CHOICES, "train.steps=6", "train.selection=best", "optimizer.lr=0.1")
    assert code == 0, errors
    (folder,) = tmp_path.glob("results/default/runs/lstm-*")
    summary = json.loads((folder / "summary.json").read_text())
    model = rnnbench.load_model(str(folder))
    task = Adding(length=6)
    test = list(task.evaluation_batches("test", 8, EVALUATION_BATCH, Streams.from_seed(2).test))
    assert evaluate(model, task, test).loss == summary["test_loss"]
    assert not model.training
    inputs = test[0].inputs
    torch.testing.assert_close(model(inputs)[-1:], model(inputs, 1), rtol=0, atol=0)
    assert len(model(inputs)) == 6
    with pytest.raises(
        SettingError, match=f"is an experiment, not a run; choose one of its runs, such as .*{folder.name}"
    ):
        rnnbench.load_model(folder.parents[1])
    with pytest.raises(SettingError, match="name=default: no runs in default/runs; launch some, or choose in"):
        rnnbench.load("default")
    validation = list(task.evaluation_batches("validation", 8, EVALUATION_BATCH, Streams.from_seed(2).validation))
    for weights, loss in (("last", "validation_loss"), ("best", "selected_validation_loss")):
        chosen = rnnbench.load_model(folder, weights=weights)  # type: ignore[arg-type]
        assert evaluate(chosen, task, validation).loss == summary[loss]

    with pytest.raises(SettingError, match="weights=first: must be one of selected, last, best"):
        rnnbench.load_model(folder, weights="first")  # type: ignore[arg-type]
    path, chance = folder / "weights.pt", random.Random(0)
    whole = path.read_bytes()
    for place in (chance.randrange(len(whole)) for _ in range(50)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << chance.randrange(8))]) + whole[place + 1 :])
        with pytest.raises(DamagedFileError, match=r"weights\.pt: is not as the run left it"):
            rnnbench.load_model(folder)
    path.unlink()
    with pytest.raises(DamagedFileError, match=r"weights\.pt: is missing: .* rerun=true"):
        rnnbench.load_model(folder)


CELL = """
from pathlib import Path
from rnnbench.cells.gru import Gru

Path("imported").touch()

class HandedCell(Gru):
    pass
"""


def test_a_custom_cell_is_handed_over_or_its_package_named(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module lies where Python finds it, as a notebook's does; nothing imports it but the caller's word."""
    (tmp_path / "my" / "cell").mkdir(parents=True)
    (tmp_path / "my" / "handed_cell.py").write_text(CELL)
    (tmp_path / "my" / "cell" / "handed_cell.yaml").write_text("# A cell.\n_target_: handed_cell.HandedCell\n")
    monkeypatch.syspath_prepend(str(tmp_path / "my"))
    code, _, errors = command("--config-dir", "my", *SMALL, "cell=handed_cell", "task.length=6", "model.backend=eager")
    assert code == 0, errors
    (folder,) = tmp_path.glob("results/default/runs/handed_cell-*")
    del sys.modules["handed_cell"]
    (tmp_path / "imported").unlink()
    with pytest.raises(
        SettingError, match=r"^handed_cell\.HandedCell: is no cell of rnnbench, .* components=\[HandedCell\]"
    ) as error:
        rnnbench.load_model(folder)
    assert "\n" not in str(error.value)
    with pytest.raises(SettingError, match="is no cell of rnnbench"):
        rnnbench.load_model(folder, components=["my", "handed_cell.py"])
    assert not (tmp_path / "imported").exists()
    named = rnnbench.load_model(folder, components=["handed_cell"])
    kind = type(named.cells[0])
    assert kind.__name__ == "HandedCell"
    assert type(rnnbench.load_model(folder, components=[kind]).cells[0]) is kind
