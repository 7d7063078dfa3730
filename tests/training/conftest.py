"""A run small enough to be done hundreds of times, and what it is compared by when it was cut and resumed."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.model import Model
from rnnbench.probes import Probe
from rnnbench.probes.costs import Costs
from rnnbench.probes.gradient_profile import GradientProfile
from rnnbench.probes.parameter_gradients import ParameterGradients
from rnnbench.recorders import Recorder, RunFolder
from rnnbench.recorders.recorder import Arrays, Scalars
from rnnbench.tasks import Task
from rnnbench.tasks.adding import Adding
from rnnbench.training import Run, TrainSettings
from rnnbench.training.randomness import Streams

MakeRun = Callable[..., Run]
CPU = torch.device("cpu")
ADAM = partial(torch.optim.Adam, lr=1e-2)
Execute = Callable[..., "Executed"]
CheckResumed = Callable[..., tuple["Executed", "Executed"]]


class PowerCut(BaseException):
    """Like a KeyboardInterrupt: nothing in the run handles it."""


def cut_power() -> None:
    """Raise PowerCut."""
    raise PowerCut


class Cut(Recorder):
    """Ends it all after a training step, or while a row is recorded."""

    def __init__(self, step: int, at: str = "advance", end: Callable[[], None] = cut_power) -> None:
        self.when, self.end = (at, step), end

    def advance(self, step: int) -> None:
        if self.when == ("advance", step):
            self.end()

    def record(self, row: Scalars) -> None:
        if self.when == ("record", row["step"]):
            self.end()


class EventLog(Recorder):
    """Keeps the events of a run."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.rows: list[Scalars] = []
        self.stored: list[tuple[str, int]] = []

    def advance(self, step: int) -> None:
        self.steps.append(step)

    def record(self, row: Scalars) -> None:
        self.rows.append(row)

    def store(self, probe: str, step: int, arrays: Arrays) -> None:
        self.stored.append((probe, step))


class Executed:
    """A run that has ended: its outcome, results, progress, weights and folder, and its events."""

    def __init__(self, run: Run, folder: RunFolder, recorders: Sequence[Recorder] = ()) -> None:
        self.events = EventLog()
        self.folder = folder
        run.resume(folder)
        self.progress = run.progress
        self.started_from = self.progress.step
        self.outcome, self.results = run.train([self.events, *recorders])
        self.weights = {name: value.clone() for name, value in run.model.state_dict().items()}

    @property
    def numbers(self) -> dict[str, Any]:
        """The results without what is measured by the clock."""
        by_the_clock = ("_s", "_per_second", "cpu_load", "times_shared")
        return {name: value for name, value in self.results.items() if not name.endswith(by_the_clock)}

    @property
    def validation_losses(self) -> dict[int, float]:
        """By step."""
        return {int(row["step"]): float(row["validation_loss"]) for row in self.events.rows if "validation_loss" in row}


def assert_same(actual: Executed, expected: Executed) -> None:
    """Weights bit for bit, results, history and profiles, in memory and in the folder."""
    assert actual.outcome == expected.outcome
    assert repr(actual.numbers) == repr(expected.numbers)  # to the last bit, NaN and None alike
    assert all(torch.equal(actual.weights[name], expected.weights[name]) for name in expected.weights)
    histories = [pd.read_csv(each.folder.path / "history.csv") for each in (actual, expected)]
    pd.testing.assert_frame_equal(*histories, check_exact=True)
    pd.testing.assert_frame_equal(pd.DataFrame(actual.progress.history), pd.DataFrame(expected.progress.history))
    profiles = [np.load(each.folder.path / "gradient_profile.npz") for each in (actual, expected)]
    assert set(profiles[0].files) == {"step", "norm", "norm_by_state"}
    for name in profiles[0].files:
        np.testing.assert_array_equal(profiles[0][name], profiles[1][name])


@pytest.fixture
def make_run() -> MakeRun:
    """Build a run of a few small steps; every argument can be changed."""

    def make(
        make_cell: Callable[[int, int], Cell] = Gru,
        task: Task | None = None,
        *,
        seed: int = 0,
        hidden_size: int = 6,
        layers: int = 1,
        backend: str = "auto",
        device: torch.device = CPU,
        make_optimizer: Callable[..., torch.optim.Optimizer] = ADAM,
        make_schedule: Callable[..., Any] | None = None,
        probes: dict[str, Probe] | None = None,
        **settings: Any,
    ) -> Run:
        chosen = Adding(length=8) if task is None else task
        streams = Streams.from_seed(seed)
        sizes = {"input_size": chosen.input_size, "output_size": chosen.output_size, "hidden_size": hidden_size}
        model = Model(make_cell, **sizes, layers=layers, backend=backend, device=device, generator=streams.weights)
        if probes is None:
            kinds = {"costs": Costs, "gradient_profile": GradientProfile, "parameter_gradients": ParameterGradients}
            probes = {name: kind() for name, kind in kinds.items()}
        train: dict[str, Any] = {
            "steps": 12, "batch_size": 5, "gradient_clip_norm": 1.0, "eval_every": 5, "eval_examples": 9,
            "confirm_examples": 20, "stop_when_solved": False, "checkpoint_every_s": 1000,
        }  # fmt: skip
        limits = TrainSettings(**(train | settings)).in_steps(chosen)
        optimizer = make_optimizer(model.parameters())
        schedule = None if make_schedule is None else make_schedule(optimizer, limits.steps)
        return Run(model, chosen, optimizer, limits, probes, streams, device, schedule)

    return make


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """Execute a run in a folder, by default one of its own."""
    count = 0

    def run_in_folder(run: Run, folder: RunFolder | None = None, recorders: Sequence[Recorder] = ()) -> Executed:
        nonlocal count
        count += 1
        folder = folder or RunFolder(tmp_path / f"run-{count}")
        folder.start({}, {"status": "running"})
        return Executed(run, folder, recorders)

    return run_in_folder


@pytest.fixture
def check_resumed(execute: Execute, tmp_path: Path) -> CheckResumed:
    """Cut a run after some of its steps and resume it: the numbers are those of one that was not cut.

    Returns both, the undisturbed one first.
    """

    def check(make: Callable[..., Run], *cuts: int, at: str = "advance") -> tuple[Executed, Executed]:
        whole, folder = execute(make()), RunFolder(tmp_path / "cut")
        for step in cuts:
            with pytest.raises(PowerCut):
                execute(make(checkpoint_every_s=0), folder, [Cut(step, at)])
        resumed = execute(make(), folder)
        assert resumed.started_from == cuts[-1] - 1  # the checkpoint is of the step before
        assert_same(resumed, whole)
        return whole, resumed

    return check
