"""A run goes on from a checkpoint of its own code, versions and settings; any other is set aside, and told."""

import importlib.util
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnbench.cells import Cell
from rnnbench.recorders import RunFolder
from rnnbench.training import checkpoint
from rnnbench.training.checkpoint import differences, from_plain, inconsistency, source_hash, to_plain
from rnnbench.training.loop import Progress
from tests.training.conftest import Execute, MakeRun
from tests.training.test_run import Cut, PowerCut, assert_same

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def progress() -> Progress:
    return Progress(
        step=2,
        history=[{"step": 0, "loss": math.inf, "kind": "text"}, {"step": 2, "loss": 1 / 3}],
        arrays={"profile": [(0, {"norm": np.array([[1 / 3, math.nan]]), "count": np.array(3)})]},
        recent_losses=[0.1 + 0.2],
        step_times_s=[1e-9, 2.0],
        tokens=[3, 4],
    )


def test_progress_comes_back_bit_for_bit(progress: Progress, tmp_path: Path) -> None:
    torch.save(to_plain(progress), tmp_path / "plain.pt")
    again = from_plain(torch.load(tmp_path / "plain.pt", weights_only=True))
    assert repr(again) == repr(progress)
    for name, value in progress.arrays["profile"][0][1].items():
        stored = again.arrays["profile"][0][1][name]
        assert (stored.dtype, stored.shape, stored.tobytes()) == (value.dtype, value.shape, value.tobytes())


def test_what_cannot_be_is_found(progress: Progress) -> None:
    assert inconsistency(progress, steps=2) is None
    assert inconsistency(progress, steps=1) == "is of step 2, but the run has 1"
    progress.step = 99_999
    assert inconsistency(progress, steps=100_000) == "is of step 99999, but holds the times of 2 steps"
    progress.step = 2
    progress.history.append({"step": 3})
    assert inconsistency(progress, steps=5) == "is of step 2, which does not match its history"
    del progress.history[1:]
    progress.arrays["profile"][0] = (2, {})
    assert inconsistency(progress, steps=5) == "has arrays of steps that its history has not"


def test_differences_are_named() -> None:
    now = {"source code": "a", "version of torch": "1"}
    assert differences(now, now) == []
    assert differences({**now, "version of torch": "2"}, now) == ["version of torch"]
    assert differences(None, now) == list(now)


def own_cell(folder: Path, body: str) -> type[Cell]:
    """A cell of the user's own, of a file that can be rewritten."""
    path = folder / "own_checkpointed_cell.py"
    path.write_text(
        "from rnnbench.cells.rnn import Rnn\n\n\nclass Own(Rnn):\n    def step(self, x, state):\n"
        f"        (h,) = super().step(x, state)\n        return ({body},)\n"
    )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    made: type[Cell] = module.Own
    return made


def test_the_source_is_that_of_a_class_and_of_what_it_derives_from(tmp_path: Path) -> None:
    before = source_hash([own_cell(tmp_path, "h")])
    assert source_hash([own_cell(tmp_path, "h")]) == before
    assert source_hash([own_cell(tmp_path, "2 * h")]) != before
    assert source_hash([]) != before


def test_a_cell_that_was_rewritten_starts_again(
    make_run: MakeRun, execute: Execute, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(tmp_path / "cut")
    old = make_run(own_cell(tmp_path, "h"), backend="eager", checkpoint_every_s=0)
    with pytest.raises(PowerCut):
        execute(old, folder, [Cut(5)])
    new = own_cell(tmp_path, "h / 2")
    whole = execute(make_run(new, backend="eager"))
    resumed = execute(make_run(new, backend="eager"), folder)
    assert resumed.started_from == 0
    assert_same(resumed, whole)
    assert capsys.readouterr().err == (
        "rnnbench: cut: its checkpoint is of another source code; it is kept as checkpoint-set-aside-1.pt, and the run "
        "starts again from the beginning\n"
    )
    assert folder.files.checkpoint_set_aside(1).exists()


def changed(**changes: Any) -> Change:
    return lambda state: state.update(changes)


@pytest.mark.parametrize(
    ("change", "told"),
    {
        "step": (lambda state: state["progress"].update(step=99999), "is of step 99999, but the run has 12"),
        "times": (lambda state: state["progress"].update(step=9), "is of step 9, but holds the times of 4 steps"),
        "history": (lambda state: state["progress"]["history"].clear(), "does not match its history"),
        "torch": (lambda state: state["written_by"].update({"version of torch": "1.0"}), "another version of torch"),
        "numpy": (lambda state: state["written_by"].update({"version of numpy": "1.0"}), "another version of numpy"),
        "processor": (lambda state: state["written_by"].update(processor="other"), "is of another processor"),
        "run": (lambda state: state["written_by"].update(run="other"), "is of another run"),
        "format": (lambda state: state.pop("written_by"), "is of another format of checkpoints, run, source code"),
        "lacks a value": (lambda state: state["progress"].pop("tokens"), "holds other values than"),
        "no progress": (lambda state: state.pop("progress"), "does not fit the run ('progress')"),
        "other shapes": (
            lambda state: state["model"].update({name: torch.ones(2) for name in list(state["model"])[1:]}),
            "does not fit the run (Error(s) in loading state_dict",
        ),
        "optimizer": (changed(optimizer={}), "does not fit the run"),
        "other kinds": (changed(model=3, progress=[1]), "does not fit the run"),
    }.values(),
)
def test_a_checkpoint_that_does_not_fit_is_set_aside(
    make_run: MakeRun,
    execute: Execute,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Change,
    told: str,
) -> None:
    folder = RunFolder(tmp_path / "cut")
    with pytest.raises(PowerCut):
        execute(make_run(checkpoint_every_s=0, probes={}), folder, [Cut(5)])
    state = folder.load_checkpoint()
    assert state is not None
    change(state)
    folder.save_checkpoint(state)
    run = make_run(probes={})
    weights = {name: value.clone() for name, value in run.model.state_dict().items()}
    optimizer = run.make_optimizer(run.model.parameters())
    stateful = {"model": run.model, "optimizer": optimizer}
    resumed = run._resume(folder, stateful, checkpoint.writer("cut", run._components(optimizer), run.device))
    assert repr(resumed.progress) == repr(Progress())  # equal, of which NaN is not
    assert told in capsys.readouterr().err
    assert all(torch.equal(value, weights[name]) for name, value in run.model.state_dict().items())
    assert optimizer.state_dict()["state"] == {}
    assert not folder.files.checkpoint.exists()
    assert not folder.files.records()
    assert folder.files.checkpoint_set_aside(1).exists()
