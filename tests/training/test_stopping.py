"""A run that a signal stops, wherever it is, is resumed to the numbers of one that was not."""

import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnbench.cells import State
from rnnbench.cells.lstm import Lstm
from rnnbench.interruption import deferred, listening
from rnnbench.model import Model
from rnnbench.probes import Measurement, Probe
from rnnbench.probes.gradient_profile import GradientProfile
from rnnbench.recorders import Recorder, RunFolder
from rnnbench.recorders.recorder import Scalars
from rnnbench.tasks import Batch, Task
from rnnbench.tasks.adding import Adding
from tests.training.conftest import Execute, Executed, MakeRun
from tests.training.test_run import assert_same


class Moment:
    """Signals this process at the n-th time that it is passed at a place; 0: never. Counts how often it was passed."""

    def __init__(self, place: str = "", number: int = 0) -> None:
        self.place, self.number = place, number
        self.passed: dict[str, int] = {}

    def passes(self, place: str) -> None:
        self.passed[place] = self.passed.get(place, 0) + 1
        if (place, self.passed[place]) == (self.place, self.number):
            os.kill(os.getpid(), signal.SIGTERM)


class Stepped(Lstm):
    """Passes the moment in every step of a sequence."""

    def __init__(self, moment: Moment, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.moment = moment

    def step(self, x: Tensor, state: State) -> State:
        self.moment.passes("step")
        return super().step(x, state)


class Drawn(Adding):
    """Passes it when a batch is drawn and when its errors are counted."""

    def __init__(self, moment: Moment) -> None:
        super().__init__(length=4)
        self.moment = moment

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        self.moment.passes("draw")
        return super().draw(batch_size, generator)

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        self.moment.passes("correct")
        return super().correct(outputs, batch)


class Adam(torch.optim.Adam):
    """Passes it with half of the update made."""

    def __init__(self, parameters: Any, moment: Moment) -> None:
        super().__init__(parameters, lr=1e-2)
        self.moment = moment

    def step(self, closure: Any = None) -> Any:
        result = super().step(closure)
        self.moment.passes("update")
        return result


class Zeroing(Probe):
    """Passes it while all weights are zero."""

    columns = {}  # noqa: RUF012

    def __init__(self, moment: Moment) -> None:
        super().__init__()
        self.moment = moment

    @torch.no_grad()
    def measure(self, model: Model, task: Task, batch: Batch) -> Measurement:
        kept = [parameter.clone() for parameter in model.parameters()]
        for parameter in model.parameters():
            parameter.zero_()
        self.moment.passes("probe")
        for parameter, values in zip(model.parameters(), kept, strict=True):
            parameter.copy_(values)
        return Measurement({})


class Told(Recorder):
    """Passes it while it is told of a step or a row."""

    def __init__(self, moment: Moment) -> None:
        self.moment = moment

    def advance(self, step: int) -> None:
        self.moment.passes("advance")

    def record(self, row: Scalars) -> None:
        self.moment.passes("record")


STEPS = 6
PLACES = {"step": 60, "draw": 9, "correct": 5, "update": STEPS, "probe": 5, "advance": STEPS, "record": 4}
"""How often a run of that many steps passes each place, at least."""


@pytest.fixture
def run(make_run: MakeRun, execute: Execute) -> Callable[..., Executed]:
    """Execute a run that passes the moment, in a folder."""

    def execute_it(moment: Moment, folder: RunFolder | None = None) -> Executed:
        made = make_run(
            partial(Stepped, moment),
            Drawn(moment),
            backend="eager",
            make_optimizer=partial(Adam, moment=moment),
            probes={"gradient_profile": GradientProfile(), "zeroing": Zeroing(moment)},
            steps=STEPS,
            eval_every=2,
        )
        recorders: Sequence[Recorder] = [Told(moment)]
        return execute(made, folder, recorders)

    return execute_it


MOMENTS = [(place, number) for place, times in PLACES.items() for number in sorted({1, times // 2, times})]
"""The first, a middle and the last time at each place."""


@pytest.mark.parametrize(("place", "number"), MOMENTS)
def test_a_signal_anywhere_changes_no_number(run: Callable[..., Executed], place: str, number: int) -> None:
    undisturbed = Moment()
    whole = run(undisturbed)
    assert undisturbed.passed[place] >= number
    folder = RunFolder(whole.folder.path.parent / "stopped")
    with pytest.raises(SystemExit) as ended, listening("command", "goes on"), deferred():
        run(Moment(place, number), folder)
    assert ended.value.code == 143
    resumed = run(Moment(), folder)
    assert_same(resumed, whole)


def test_what_was_trained_is_in_the_checkpoint(run: Callable[..., Executed], tmp_path: Any) -> None:
    for place, number, trained in (("update", 3, 3), ("advance", 4, 4), ("probe", 2, 1)):
        folder = RunFolder(tmp_path / place)
        with pytest.raises(SystemExit), listening("command", "goes on"), deferred():
            run(Moment(place, number), folder)
        checkpoint = folder.load_checkpoint()
        assert checkpoint is not None
        assert checkpoint["progress"]["step"] == trained
