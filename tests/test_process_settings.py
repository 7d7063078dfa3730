"""Settings of the whole process: the same for every run, put back after each, and a change of them is reported."""

import os
import random
import sys
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
from rnnbench.store.atomic import read_json_object
from tests.cli.conftest import SMALL, Command
from tests.cli.conftest import rnnbench as command

__all__ = ["command"]

CHANGES: dict[str, Callable[[], object]] = {
    "torch's default dtype": lambda: torch.set_default_dtype(torch.float64),
    "torch's default device": lambda: torch.set_default_device("meta"),
    "torch's grad mode": lambda: torch.set_grad_enabled(False),
    "torch's anomaly detection": lambda: torch.autograd.set_detect_anomaly(True),
    "torch's deterministic algorithms": lambda: torch.use_deterministic_algorithms(True),
    "torch's precision of matrix products": lambda: torch.set_float32_matmul_precision("medium"),
    "torch's hooks of all modules": lambda: torch.nn.modules.module.register_module_forward_hook(print),
    "torch's autocast on cpu": lambda: torch.set_autocast_enabled("cpu", True),
    "torch.backends.cudnn.benchmark": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "torch.backends.mkldnn.enabled": lambda: setattr(torch.backends.mkldnn, "enabled", False),
    THREADS: lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    FLUSH_DENORMALS: lambda: torch.set_flush_denormal(True),
    "torch's global random numbers": lambda: torch.manual_seed(12345),
    "NumPy's global random numbers": lambda: np.random.seed(12345),  # noqa: NPY002
    "NumPy's errors": lambda: np.seterr(all="raise"),
    "NumPy's print options": lambda: np.set_printoptions(precision=3),
    "the recursion limit": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 100),
    "the working directory": lambda: os.chdir("/"),
}


def state() -> dict[str, object]:
    return {name: setting.get(sys.modules[setting.module]) for name, setting in SETTINGS.items()}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_reported_and_put_back(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = state()
    with standard_settings("cell=own"):
        CHANGES[name]()
    error = capsys.readouterr().err
    assert error.startswith(f"rnnbench: cell=own changed {name}")
    assert error.count("\n") == 1
    assert state() == before


def test_quiet_ones_are_put_back_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    before = state()
    with standard_settings("cell=own"):
        random.seed(12345)
        warnings.simplefilter("error")
    assert state() == before
    with standard_settings("cell=own", may_draw=True):
        torch.rand(1)
        np.random.rand()  # noqa: NPY002
    assert state() == before
    assert capsys.readouterr().err == ""


def test_the_block_begins_with_standard_settings_and_ends_with_those_before(capsys: pytest.CaptureFixture[str]) -> None:
    outer = state()
    try:
        for name in ("torch's default dtype", "torch's grad mode", "torch's default device"):
            CHANGES[name]()
        before = state()
        with standard_settings("cell=own"):
            made = torch.zeros(1, requires_grad=True) * 2
            assert (made.dtype, made.device.type, made.requires_grad) == (torch.float32, "cpu", True)
        assert state() == before
    finally:
        for name, value in outer.items():
            SETTINGS[name].put(sys.modules[SETTINGS[name].module], value)
    assert capsys.readouterr().err == ""


def test_what_the_run_itself_chooses_is_no_change(capsys: pytest.CaptureFixture[str]) -> None:
    before, drawn = state(), []
    for _ in range(2):
        with standard_settings("cell=own"):
            choose(THREADS, torch.get_num_threads() + 1)
            seed_random_numbers(3)
            numbers = (torch.default_generator.initial_seed(), np.random.get_state()[1][:3].tolist(), random.getstate())  # type: ignore[index] # noqa: NPY002
            drawn.append(numbers)
    assert drawn[0] == drawn[1]
    assert state() == before
    assert capsys.readouterr().err == ""


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
    "constructor": "torch.use_deterministic_algorithms(True, warn_only=True); torch.autograd.set_detect_anomaly(True)",
    "step": "torch.set_num_threads(3)",
}


@pytest.mark.parametrize("kind", KINDS)
def test_other_runs_of_the_process_have_the_numbers_that_they_have_alone(
    kind: str, command: Command, tmp_path: Path
) -> None:
    name = f"Leaking{kind.title()}"
    own = tmp_path / "own"
    (own / "cell").mkdir(parents=True)
    (own / "cell" / "leaking.yaml").write_text(f"# A cell.\n_target_: {name.lower()}.{name}\n")
    code = {place: KINDS[kind] if place == kind else "pass" for place in KINDS}
    (own / f"{name.lower()}.py").write_text(CELL.format(name=name, **code))
    choices = (*SMALL, "-m", "task.length=6", "probe=[]", "seed=0", "model.backend=eager")
    before = state()
    code_, _, errors = command(*choices, "--config-dir", str(own), "cell=leaking,lstm", "name=both")
    assert code_ == 0, errors
    (line, *_) = [line for line in errors.splitlines() if "changed" in line]
    assert "put back" in line
    assert command(*choices, "cell=lstm", "name=alone")[0] == 0
    losses = []
    for folder in ("both", "alone"):
        (summary,) = tmp_path.glob(f"results/{folder}/runs/lstm-*/summary.json")
        losses.append(read_json_object(summary, {"test_loss": float})["test_loss"])
    assert losses[0] == losses[1]
    assert state() == before
    if kind == "module":
        (run,) = tmp_path.glob("results/alone/runs/lstm-*")
        torch.set_default_dtype(torch.float64)
        try:
            assert {each.dtype for each in rnnbench.load_model(run).parameters()} == {torch.float32}
            assert torch.get_default_dtype() == torch.float64
        finally:
            torch.set_default_dtype(torch.float32)


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
