"""Settings of the whole process: the same for every run, put back after each, and a change of them is reported."""

import os
import random
import warnings
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch

import rnnbench
from rnnbench.process_settings import FLUSH_DENORMALS, SETTINGS, THREADS, choose, seed_random_numbers, standard_settings
from rnnbench.report.style import paper_style
from rnnbench.store.atomic import OBJECT, read_json
from tests.cli.conftest import SMALL, Command
from tests.cli.conftest import rnnbench as command

__all__ = ["command"]

CHANGES: dict[str, Callable[[], object]] = {
    "torch's default dtype": lambda: torch.set_default_dtype(torch.float64),
    "torch's default device": lambda: torch.set_default_device("meta"),
    "torch's grad mode": lambda: torch.set_grad_enabled(False),
    "torch's deterministic algorithms": lambda: torch.use_deterministic_algorithms(True),
    "torch's precision of matrix products": lambda: torch.set_float32_matmul_precision("medium"),
    "torch's autocast": lambda: torch.set_autocast_enabled("cpu", True),
    "the working directory": lambda: os.chdir("/"),
    THREADS: lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    FLUSH_DENORMALS: lambda: torch.set_flush_denormal(True),
    "torch's global random numbers": lambda: torch.manual_seed(12345),
    "NumPy's global random numbers": lambda: np.random.seed(12345),  # noqa: NPY002
    "NumPy's errors": lambda: np.seterr(all="raise"),
}


def state() -> dict[str, object]:
    return {name: setting.get() for name, setting in SETTINGS.items()}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_reported_and_put_back(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = state()
    with standard_settings("cell=custom"):
        CHANGES[name]()
    error = capsys.readouterr().err
    assert error.startswith(f"rnnbench: cell=custom changed {name}")
    assert error.count("\n") == 1
    assert state() == before


def test_what_changes_at_imports_or_by_choice_is_not_reported(capsys: pytest.CaptureFixture[str]) -> None:
    before, drawn = state(), []
    with standard_settings("cell=custom", may_draw=True):
        random.seed(12345)
        warnings.simplefilter("error")
        torch.rand(1)
        np.random.rand()  # noqa: NPY002
    for _ in range(2):
        with standard_settings("cell=custom"):
            choose(THREADS, torch.get_num_threads() + 1)
            seed_random_numbers(3)
            drawn.append((torch.rand(1).item(), np.random.rand(), random.random()))  # noqa: NPY002
            seed_random_numbers(3)
    assert drawn[0] == drawn[1]
    assert state() == before
    assert capsys.readouterr().err == ""


def test_the_block_begins_with_standard_settings_and_ends_with_those_before() -> None:
    with standard_settings("test"):
        for name in ("torch's default dtype", "torch's grad mode", "torch's default device"):
            CHANGES[name]()
        before = state()
        with standard_settings("cell=custom"):
            made = torch.zeros(1, requires_grad=True) * 2
            assert (made.dtype, made.device.type, made.requires_grad) == (torch.float32, "cpu", True)
        assert state() == before


CELL = """
import torch
from rnnbench.cells import Cell

class {name}(Cell):
    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.U = self.input_map(), self.recurrent_map()
        {constructor}

    def step(self, x, state):
        {step}
        return (torch.tanh(self.W(x) + self.U(state[0])),)

{module}
"""
KINDS = {
    "module": "torch.set_default_dtype(torch.float64); torch.set_grad_enabled(False)",
    "constructor": "torch.use_deterministic_algorithms(True, warn_only=True)",
    "step": "torch.set_num_threads(3)",
}


@pytest.mark.parametrize("kind", KINDS)
def test_other_runs_of_the_process_have_the_numbers_that_they_have_alone(
    kind: str, command: Command, tmp_path: Path
) -> None:
    name = f"Leaking{kind.title()}"
    (tmp_path / "my" / "cell").mkdir(parents=True)
    (tmp_path / "my" / "cell" / "leaking.yaml").write_text(f"# A cell.\n_target_: {name.lower()}.{name}\n")
    code = {place: KINDS[kind] if place == kind else "pass" for place in KINDS}
    (tmp_path / "my" / f"{name.lower()}.py").write_text(CELL.format(name=name, **code))
    choices = (*SMALL, "-m", "task.length=6", "probe=[]", "seed=0", "model.backend=eager")
    before = state()
    exit_code, _, errors = command(*choices, "--config-dir", str(tmp_path / "my"), "cell=leaking,lstm", "name=both")
    assert exit_code == 0, errors
    (line, *_) = [line for line in errors.splitlines() if "changed" in line]
    assert "put back" in line
    assert command(*choices, "cell=lstm", "name=alone")[0] == 0
    summaries = [next(tmp_path.glob(f"results/{each}/runs/lstm-*/summary.json")) for each in ("both", "alone")]
    both, alone = (read_json(each, OBJECT)["test_loss"] for each in summaries)
    assert both == alone
    assert state() == before
    if kind == "module":
        with standard_settings("test"):
            torch.set_default_dtype(torch.float64)
            assert {each.dtype for each in rnnbench.load_model(summaries[1].parent).parameters()} == {torch.float32}
            assert torch.get_default_dtype() == torch.float64


def test_the_settings_of_matplotlib_of_the_user_do_not_reach_the_figures() -> None:
    with mpl.rc_context(), paper_style():
        clean = dict(mpl.rcParams)
    with mpl.rc_context({"text.usetex": True, "font.size": 31, "axes.facecolor": "pink", "savefig.bbox": "tight"}):
        with paper_style():
            assert {name: mpl.rcParams[name] for name in clean} == clean
        with paper_style("dark_background"):
            assert mpl.rcParams["axes.facecolor"] == "black"
            assert not mpl.rcParams["text.usetex"]
        assert mpl.rcParams["text.usetex"]
