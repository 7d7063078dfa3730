"""A run small enough to be done hundreds of times."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

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
from rnnbench.training.loop import Progress
from rnnbench.training.streams import Streams

MakeRun = Callable[..., Run]
ADAM = partial(torch.optim.Adam, lr=1e-2)
Execute = Callable[..., "Executed"]


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
        self.started_from = -1

        def listen(progress: Progress) -> Sequence[Recorder]:
            self.progress, self.started_from = progress, progress.step
            return [self.events, *recorders]

        self.outcome, self.results = run.execute(folder, listen)
        self.weights = {name: value.clone() for name, value in run.model.state_dict().items()}

    @property
    def numbers(self) -> dict[str, Any]:
        """The results without what is measured by the clock."""
        by_the_clock = ("_s", "_per_second", "cpu_load", "times_shared")
        return {name: value for name, value in self.results.items() if not name.endswith(by_the_clock)}


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
        make_optimizer: Callable[..., torch.optim.Optimizer] = ADAM,
        probes: dict[str, Probe] | None = None,
        **settings: Any,
    ) -> Run:
        chosen = Adding(length=8) if task is None else task
        streams = Streams.from_seed(seed)
        model = Model(
            make_cell,
            input_size=chosen.input_size,
            output_size=chosen.output_size,
            hidden_size=hidden_size,
            layers=layers,
            backend=backend,
            generator=streams.weights,
        )
        if probes is None:
            probes = {
                "costs": Costs(),
                "gradient_profile": GradientProfile(),
                "parameter_gradients": ParameterGradients(),
            }
        train: dict[str, Any] = {
            "steps": 12,
            "batch_size": 5,
            "gradient_clip_norm": 1.0,
            "eval_every": 5,
            "eval_examples": 9,
            "confirm_examples": 20,
            "stop_when_solved": False,
            "checkpoint_every_s": 1000,
        }
        return Run(
            model,
            chosen,
            make_optimizer,
            TrainSettings(**(train | settings)),
            probes,
            streams,
            torch.device("cpu"),
        )

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
