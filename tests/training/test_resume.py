"""A run that was killed or stopped resumes to exactly the numbers of one that was not, whatever its settings."""

import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from rnnbench.cells import Cell
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.interruption import deferred, listening
from rnnbench.recorders import RunFolder
from tests.probes.references import ODD
from tests.training.conftest import CheckResumed, Cut, Execute, MakeRun, PowerCut, assert_same
from tests.training.test_loop import OPTIMIZERS, LuckyAt, TwelveExamples
from tests.training.test_noise import Dropout, Zoneout
from tests.training.test_protocol import PLATEAU, PROTOCOL

DIVERGING: dict[str, Any] = {
    "make_cell": Rnn, "make_optimizer": partial(torch.optim.SGD, lr=30.0), "gradient_clip_norm": None,
    "eval_every": 1000,
}  # fmt: skip
"""Not finite at step 9."""

CASES: dict[str, tuple[Callable[[], dict[str, Any]], int, str]] = {
    **{
        f"{name} at {at} {step}": (
            partial(dict, make_cell=Lstm, make_optimizer=optimizer, seed=1, layers=2), step, at,
        )
        for name, optimizer in OPTIMIZERS.items() for step, at in ((1, "advance"), (10, "record"))
    },
    **{
        f"odd state: {kind.__name__}": (partial(dict, make_cell=kind, layers=2, backend="eager"), 7, "advance")
        for kind in ODD
    },
    "in the last step": (partial(dict, make_cell=Lstm), 12, "advance"),
    "dropout": (partial(dict, make_cell=Dropout, backend="eager"), 3, "advance"),
    "zoneout": (partial(dict, make_cell=Zoneout, backend="eager"), 7, "advance"),
    "in an epoch": (lambda: {"task": TwelveExamples()}, 6, "advance"),
    "before it diverges": (lambda: DIVERGING, 5, "advance"),
    "unconfirmed": (
        lambda: {"task": LuckyAt(evaluation=1, refused=99), "eval_every": 2, "confirm_examples": 20}, 7, "advance",
    ),
    "cosine": (lambda: {"task": TwelveExamples(), "make_schedule": CosineAnnealingLR, **PROTOCOL}, 4, "advance"),
    "plateau": (lambda: {"task": TwelveExamples(), **PLATEAU, **PROTOCOL}, 9, "advance"),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "step", "at"), CASES.values(), ids=CASES)
def test_a_run_that_was_cut_is_resumed_to_the_same_numbers(
    make_run: MakeRun, check_resumed: CheckResumed, settings: Callable[[], dict[str, Any]], step: int, at: str
) -> None:
    whole, resumed = check_resumed(lambda **changes: make_run(**{**settings(), **changes}), step, at=at)
    assert resumed.events.steps == [each for each in whole.events.steps if each >= step]
    kept = [torch.load(each.folder.path / "weights.pt", weights_only=True)["weights"] for each in (whole, resumed)]
    for name, weights in kept[0].items():
        assert all(torch.equal(value, kept[1][name][key]) for key, value in weights.items())


def test_a_run_can_be_cut_again_and_again(make_run: MakeRun, check_resumed: CheckResumed) -> None:
    _, resumed = check_resumed(make_run, 3, 4, 9)
    assert len(resumed.progress.step_times_s) == len(resumed.progress.tokens) == 12


def test_a_run_that_was_cut_before_its_first_checkpoint_starts_again(make_run: MakeRun, execute: Execute) -> None:
    whole = execute(make_run())
    folder = RunFolder(whole.folder.path.parent / "cut")
    with pytest.raises(PowerCut):
        execute(make_run(checkpoint_every_s=1000), folder, [Cut(9)])
    assert folder.load_checkpoint() is None
    assert_same(execute(make_run(), folder), whole)


def custom_cell(folder: Path, body: str) -> type[Cell]:
    """A custom cell, of a file that can be rewritten."""
    path = folder / "custom_checkpointed_cell.py"
    path.write_text(
        "from rnnbench.cells.rnn import Rnn\n\n\nclass Custom(Rnn):\n    def step(self, x, state):\n"
        f"        (h,) = super().step(x, state)\n        return ({body},)\n"
    )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    made: type[Cell] = module.Custom
    return made


@pytest.mark.parametrize("damage", ["source code", "processor"])
def test_a_checkpoint_that_does_not_fit_is_set_aside(
    make_run: MakeRun, execute: Execute, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    folder = RunFolder(tmp_path / "cut")
    with pytest.raises(PowerCut):
        execute(make_run(custom_cell(tmp_path, "h"), backend="eager", checkpoint_every_s=0), folder, [Cut(5)])
    state = folder.load_checkpoint()
    assert state is not None
    if damage == "processor":
        folder.save_checkpoint(state | {"written_by": state["written_by"] | {damage: "other"}})
    new = custom_cell(tmp_path, "h" if damage == "processor" else "h / 2")
    whole = execute(make_run(new, backend="eager"))
    capsys.readouterr()
    resumed = execute(make_run(new, backend="eager"), folder)
    assert resumed.started_from == 0
    assert_same(resumed, whole)
    said = capsys.readouterr().err
    assert said.startswith(f"rnnbench: cut: its checkpoint is of another {damage}")
    assert said.endswith("is kept as checkpoint-set-aside-1.pt, and the run starts again from the beginning\n")
    assert folder.files.checkpoint_set_aside(1).exists()


@pytest.mark.parametrize(("at", "step"), [("record", 0), ("record", 2), ("advance", 4), ("advance", 6)])
def test_a_signal_anywhere_changes_no_number(
    make_run: MakeRun, execute: Execute, tmp_path: Path, at: str, step: int
) -> None:
    make = partial(make_run, Lstm, backend="eager", steps=6, eval_every=2)
    whole, folder = execute(make()), RunFolder(tmp_path / "stopped")
    signalled = Cut(step, at, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as ended, listening("command", "resumes"), deferred():
        execute(make(), folder, [signalled])
    assert ended.value.code == 143
    resumed = execute(make(), folder)
    assert resumed.started_from == step
    assert_same(resumed, whole)
