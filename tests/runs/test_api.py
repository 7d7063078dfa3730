"""Runs and sweeps from Python are those of the command line, to the last bit."""

import signal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import rnnbench
from rnnbench.cells import State
from rnnbench.cells.gru import Gru
from rnnbench.cells.rnn import Rnn
from rnnbench.errors import SettingError
from rnnbench.recorders import ProgressBar
from tests.cli.conftest import Command
from tests.cli.conftest import rnnbench as command

__all__ = ["command"]

SHORT: dict[str, Any] = {
    "task.length": 6,
    "train": {"steps": 4, "batch_size": 5, "eval_every": 2, "eval_examples": 20, "confirm_examples": 20},
    "model.hidden_size": 4,
    "wandb": "disabled",
    "probe": ["costs", "gradient_profile"],
}


WORDS = (*(f"train.{key}={value}" for key, value in SHORT["train"].items()), "task.length=6", "model.hidden_size=4",
         "wandb=disabled", "probe=[costs,gradient_profile]")  # fmt: skip
"""The same for the command."""


def test_a_run_is_that_of_the_command(tmp_path: Path, command: Command) -> None:
    assert command(*WORDS, "cell=lstm", "cell.forget_bias=2", "seed=3", "name=mine", "results_dir=command")[0] == 0
    made = rnnbench.run(
        "lstm", seed=3, name="mine", results_dir=tmp_path / "python", **SHORT, **{"cell.forget_bias": 2}
    )
    (row,) = made.runs.to_dict("records")
    theirs = rnnbench.load(tmp_path / "command" / "mine").runs.iloc[0]
    assert (row["run"], row["weights_sha256"], row["test_loss"]) == tuple(
        theirs[["run", "weights_sha256", "test_loss"]]
    )
    place = Path("mine") / "runs" / row["run"] / "history.csv"
    assert (tmp_path / "python" / place).read_bytes() == (tmp_path / "command" / place).read_bytes()


def test_a_sweep_returns_its_own_runs_and_does_none_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = {"name": "swept", "results_dir": tmp_path}
    rnnbench.run("rnn", seed=7, **place, **SHORT)
    made = rnnbench.sweep({"cell": ["rnn", "gru"], "seed": range(2)}, **place, **SHORT)
    assert set(zip(made.runs["cell"], made.runs["seed"], strict=True)) == {*product(("rnn", "gru"), (0, 1))}
    capsys.readouterr()
    again = rnnbench.sweep({"cell": ["rnn", "gru"], "seed": [0, 1]}, **place, **SHORT)
    assert capsys.readouterr().err.count("done before") == 4
    assert again.runs["weights_sha256"].tolist() == made.runs["weights_sha256"].tolist()


@pytest.mark.long
def test_a_sweep_in_processes_has_the_same_numbers(tmp_path: Path) -> None:
    one, two = (
        rnnbench.sweep({"seed": [0, 1, 2]}, name=f"by{number}", results_dir=tmp_path, processes=number, **SHORT)
        for number in (1, 2)
    )
    assert one.runs["weights_sha256"].tolist() == two.runs["weights_sha256"].tolist()
    assert two.runs["times_shared"].all()


class LeakyRNN(Rnn):
    """A cell of the caller's."""

    def __init__(self, input_size: int, hidden_size: int, leak: float = 0.5) -> None:
        super().__init__(input_size, hidden_size)
        self.leak = leak

    def step(self, x: Tensor, state: State) -> State:
        return ((1 - self.leak) * state[0] + self.leak * super().step(x, state)[0],)


def test_a_class_is_a_cell(tmp_path: Path) -> None:
    place = {"name": "own", "results_dir": tmp_path}
    made = rnnbench.run(LeakyRNN, **place, **SHORT)
    other = rnnbench.run({"_target_": f"{__name__}.LeakyRNN", "leak": 0.9}, **place, **SHORT)
    assert made.runs["cell"].tolist() == other.runs["cell"].tolist() == ["leaky_rnn"]
    assert made.runs["run"].tolist() != other.runs["run"].tolist()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"cell": "lsmt"}, "cell=lsmt: no such choice; did you mean lstm"),
        ({"cell": torch.nn.GRU}, "cell._target_=torch.nn.modules.rnn.GRU: must derive from rnnbench.cells.Cell"),
        ({"task": {"_target_": "torch.nn.Identity"}}, "task._target_=.*: must derive from rnnbench.tasks.Task"),
        ({"cell": {"_target_": Gru, "bias": len}}, "cell.bias=.*not a builtin"),
        ({"optimizer.lr": torch.ones(2)}, "optimizer.lr=.*: must be a number"),
    ],
)
def test_wrong_settings_are_one_line(tmp_path: Path, arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingError, match=named) as told:
        rnnbench.run(**{"results_dir": tmp_path, "wandb": "disabled", **arguments})
    assert "\n" not in str(told.value)
    assert not list(tmp_path.rglob("summary.json"))


def test_wrong_sweeps_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="seed: no values"):
        rnnbench.sweep({"seed": []}, results_dir=tmp_path)
    for wrong in ({"seed": 3}, {"cell": "gru"}, {"name": ["a", "b"]}):
        with pytest.raises(SettingError, match=f"{next(iter(wrong))}.*: must be "):
            rnnbench.sweep(wrong, results_dir=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="processes=0"):
        rnnbench.sweep({"seed": [0]}, results_dir=tmp_path, processes=0)


def test_ctrl_c_leaves_a_checkpoint_and_resumes_to_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rnnbench.run(name="whole", results_dir=tmp_path, **SHORT).runs.iloc[0]
    place = {"name": "stopped", "results_dir": tmp_path}

    def stop(self: ProgressBar, step: int) -> None:
        if step == 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "advance", stop)
        with pytest.raises(KeyboardInterrupt):
            rnnbench.run(**place, **SHORT)
    assert list(tmp_path.rglob("checkpoint.pt"))
    resumed = rnnbench.run(**place, **SHORT).runs.iloc[0]
    assert resumed["weights_sha256"] == whole["weights_sha256"]
