"""Runs are repeatable, and a run that was killed is resumed to exactly the numbers of one that was not."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.cells.lstm import Lstm
from rnnbench.errors import SettingError
from rnnbench.recorders import Recorder, RunFolder
from rnnbench.recorders.recorder import Scalars
from rnnbench.schema import RESULTS, milestone_column
from rnnbench.tasks import Batch
from rnnbench.tasks.copy_memory import CopyMemory
from tests.probes.references import ODD, ComplexDiagonal
from tests.training.conftest import Execute, Executed, MakeRun
from tests.training.test_loop import OPTIMIZERS, Finite, LuckyAt


class PowerCut(BaseException):
    """Like a KeyboardInterrupt: nothing in the run handles it."""


class Cut(Recorder):
    """Ends it all after a training step, or while a row is recorded."""

    def __init__(self, step: int, at: str = "advance") -> None:
        self.step, self.at = step, at

    def advance(self, step: int) -> None:
        if self.at == "advance" and step == self.step:
            raise PowerCut

    def record(self, row: Scalars) -> None:
        if self.at == "record" and row["step"] == self.step:
            raise PowerCut


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


@pytest.mark.parametrize("backend", ["eager", "torch", "fused"])
def test_the_same_settings_and_seed_give_the_same_bits(make_run: MakeRun, execute: Execute, backend: str) -> None:
    first, second = (execute(make_run(Lstm, seed=5, layers=2, backend=backend)) for _ in range(2))
    assert_same(first, second)
    other = execute(make_run(Lstm, seed=6, layers=2, backend=backend))
    assert other.results["test_loss"] != first.results["test_loss"]


def test_the_folder_holds_what_was_measured(make_run: MakeRun, execute: Execute) -> None:
    executed = execute(make_run(steps=12))
    history = pd.read_csv(executed.folder.path / "history.csv")
    measured = pd.DataFrame(executed.progress.history).replace("", np.nan).astype(history.dtypes)  # "" reads as empty
    pd.testing.assert_frame_equal(history, measured, check_exact=True)
    with np.load(executed.folder.path / "gradient_profile.npz") as profile:
        assert profile["step"].tolist() == [0, 1, 2, 5, 10, 12]
        assert profile["norm"].shape == (6, 1, 8)
        for index, (_, arrays) in enumerate(executed.progress.arrays["gradient_profile"]):
            np.testing.assert_array_equal(profile["norm"][index], arrays["norm"])
    probed = {name for probe in make_run().probes.values() for name in probe.columns}
    task = make_run().task
    of_task = {milestone_column(milestone.name) for milestone in task.milestones}
    of_task |= {f"validation_{milestone.measure}" for milestone in task.milestones}
    unknown = {name.removesuffix("_initial") for name in executed.results} - set(RESULTS) - probed - of_task
    assert unknown == set()


@pytest.mark.parametrize("kind", ODD, ids=lambda kind: kind.__name__)
def test_states_of_any_shape_are_trained_and_resumed(make_run: MakeRun, execute: Execute, kind: type[Cell]) -> None:
    """Learned starts, other widths, matrices and complex numbers, on the plain loop."""
    settings = {"steps": 12, "seed": 1, "layers": 2, "backend": "eager"}
    whole = execute(make_run(kind, **settings))
    before = make_run(kind, **settings).model.state_dict()
    assert all(not torch.equal(value, before[name]) for name, value in whole.weights.items())
    folder = RunFolder(whole.folder.path.parent / "cut")
    with pytest.raises(PowerCut):
        execute(make_run(kind, **settings, checkpoint_every_s=0), folder, [Cut(7, "advance")])
    assert_same(execute(make_run(kind, **settings), folder), whole)


def test_what_complex_parameters_cannot_have_is_refused(make_run: MakeRun) -> None:
    with pytest.raises(
        SettingError, match=r"^optimizer: takes no complex parameter, as layers.0.B is; set optimizer.f"
    ):
        make_run(ComplexDiagonal, make_optimizer=partial(torch.optim.Adam, fused=True))
    with pytest.raises(SettingError, match=r"^train.gradient_clip_value=0.5: layers.0.B is complex, and complex numb"):
        make_run(ComplexDiagonal, gradient_clip_norm=None, gradient_clip_value=0.5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("step", "at"), [(1, "advance"), (7, "advance"), (10, "record"), (12, "advance")])
def test_a_run_that_was_cut_is_resumed_to_the_same_numbers(
    make_run: MakeRun, execute: Execute, optimizer: str, step: int, at: str
) -> None:
    settings = {"make_optimizer": OPTIMIZERS[optimizer], "steps": 12, "seed": 1, "layers": 2}
    whole = execute(make_run(Lstm, **settings))
    run = make_run(Lstm, **settings, checkpoint_every_s=0)
    folder = RunFolder(whole.folder.path.parent / "cut")
    with pytest.raises(PowerCut):
        execute(run, folder, [Cut(step, at)])
    resumed = execute(make_run(Lstm, **settings), folder)
    assert resumed.started_from == step - 1  # the checkpoint is of the step before
    assert resumed.events.steps == list(range(step, 13))
    assert_same(resumed, whole)


def test_a_run_can_be_cut_again_and_again(make_run: MakeRun, execute: Execute) -> None:
    whole = execute(make_run(steps=12))
    folder = RunFolder(whole.folder.path.parent / "cut")
    for step in (3, 4, 9):
        with pytest.raises(PowerCut):
            execute(make_run(steps=12, checkpoint_every_s=0), folder, [Cut(step)])
    resumed = execute(make_run(steps=12), folder)
    assert_same(resumed, whole)
    assert len(resumed.progress.step_times_s) == len(resumed.progress.tokens) == 12


def test_a_run_that_was_cut_before_its_first_checkpoint_starts_again(make_run: MakeRun, execute: Execute) -> None:
    whole = execute(make_run())
    folder = RunFolder(whole.folder.path.parent / "cut")
    with pytest.raises(PowerCut):
        execute(make_run(checkpoint_every_s=1000), folder, [Cut(9)])
    assert folder.load_checkpoint() is None
    resumed = execute(make_run(), folder)
    assert resumed.started_from == 0
    assert_same(resumed, whole)


def test_finite_data_go_on_in_the_middle_of_an_epoch(make_run: MakeRun, execute: Execute) -> None:
    whole = execute(make_run(task=Finite()))
    folder = RunFolder(whole.folder.path.parent / "cut")
    with pytest.raises(PowerCut):
        execute(make_run(task=Finite(), checkpoint_every_s=0), folder, [Cut(6)])
    assert_same(execute(make_run(task=Finite()), folder), whole)


@pytest.mark.parametrize("cut", [3, 5])
def test_a_run_that_is_solved_or_diverges_after_it_was_cut(make_run: MakeRun, execute: Execute, cut: int) -> None:
    settings: dict[str, Any] = {
        "make_optimizer": partial(torch.optim.SGD, lr=30.0),
        "gradient_clip_norm": None,
        "steps": 1000,
        "eval_every": 1000,
    }
    whole = execute(make_run(Gru, CopyMemory(length=3), hidden_size=30, **settings))
    assert whole.outcome == "done" or whole.results["diverged_at_step"] > cut
    folder = RunFolder(whole.folder.path.parent / "cut")
    with pytest.raises(PowerCut):
        execute(
            make_run(Gru, CopyMemory(length=3), hidden_size=30, **settings, checkpoint_every_s=0), folder, [Cut(cut)]
        )
    assert_same(execute(make_run(Gru, CopyMemory(length=3), hidden_size=30, **settings), folder), whole)


KILLED_WHILE_IT_WRITES = """
import os, signal, sys
from functools import partial
from pathlib import Path
import torch
from rnnbench.cells.lstm import Lstm
from rnnbench.model import Model
from rnnbench.probes.gradient_profile import GradientProfile
from rnnbench.recorders import RunFolder
from rnnbench.training import Run, TrainSettings
from rnnbench.training.streams import Streams
from rnnbench.tasks.adding import Adding

torch.set_num_threads(1)
written, save = 0, torch.save
def save_and_die(state, file):
    global written
    written += 1
    if written == 7:
        file.write(b"half a checkpoint")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    save(state, file)

folder = RunFolder(Path(sys.argv[1]))
if sys.argv[2] == "die":
    torch.save = save_and_die
    folder.start({}, {"status": "running"})
streams = Streams.from_seed(4)
model = Model(Lstm, input_size=2, output_size=1, hidden_size=6, generator=streams.weights)
settings = TrainSettings(
    steps=12, batch_size=5, gradient_clip_norm=1.0, eval_every=5, eval_examples=9, confirm_examples=20,
    stop_when_solved=False,
    checkpoint_every_s=0,
)
run = Run(
    model, Adding(length=8), partial(torch.optim.Adam, lr=1e-2), settings, {"gradient_profile": GradientProfile()},
    streams, torch.device("cpu"),
)
run.execute(folder, lambda progress: [])
"""


def test_a_process_that_was_killed_while_it_wrote(make_run: MakeRun, execute: Execute, tmp_path: Path) -> None:
    """A real SIGKILL in the middle of the seventh checkpoint: the sixth stands, and the run ends as it would have."""
    folder = RunFolder(tmp_path / "killed")
    root = Path(__file__).parents[2]
    died = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_IT_WRITES, str(folder.path), "die"],
        env=os.environ | {"PYTHONPATH": str(root)},  # with what chooses the processor's instructions
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    checkpoint = folder.load_checkpoint()
    assert checkpoint is not None
    assert checkpoint["progress"]["step"] == 6
    assert json.loads((folder.path / "summary.json").read_text()) == {"status": "running"}

    probes = {"gradient_profile": make_run().probes["gradient_profile"]}
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    whole = execute(make_run(Lstm, seed=4, probes=probes))
    resumed = execute(make_run(Lstm, seed=4, probes=probes), folder)
    torch.set_num_threads(before)
    assert resumed.started_from == 6
    assert_same(resumed, whole)


class Recording(CopyMemory):
    """Copy memory that keeps what it has drawn."""

    def __init__(self) -> None:
        super().__init__(length=2)
        self.drawn: list[Batch] = []

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        self.drawn.append(super().draw(batch_size, generator))
        return self.drawn[-1]


def test_every_cell_sees_the_same_data_for_one_seed(make_run: MakeRun, execute: Execute) -> None:
    tasks = {}
    for make_cell, hidden_size in ((Gru, 6), (Lstm, 9)):
        tasks[make_cell] = Recording()
        execute(make_run(make_cell, tasks[make_cell], hidden_size=hidden_size, seed=2))
    assert len(tasks[Gru].drawn) == len(tasks[Lstm].drawn) >= 15
    for one, other in zip(tasks[Gru].drawn, tasks[Lstm].drawn, strict=True):
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets, other.targets)
    other_seed = Recording()
    execute(make_run(task=other_seed, seed=3))
    for one, other in zip(tasks[Gru].drawn, other_seed.drawn, strict=True):
        assert not torch.equal(one.inputs, other.inputs)


def test_held_out_data_are_independent_of_the_training_and_seen_by_no_step(make_run: MakeRun, execute: Execute) -> None:
    one, other = Recording(), Recording()
    execute(make_run(task=one, steps=4, eval_examples=9, batch_size=5))
    execute(make_run(task=other, steps=6, eval_examples=9, batch_size=4))

    def held_out(task: Recording) -> list[Batch]:
        return [batch for batch in task.drawn if batch.inputs.shape[1] == 9]

    assert len(held_out(one)) == 2  # validation and test
    for first, second in zip(held_out(one), held_out(other), strict=True):
        assert torch.equal(first.inputs, second.inputs)
    drawn = {tuple(batch.inputs.flatten().tolist()): batch for batch in one.drawn}
    assert len(one.drawn) - len(drawn) == 1  # drawn again, to see that it is the same
    sequences = [tuple(batch.inputs[:, example].flatten().tolist()) for batch in drawn.values() for example in range(5)]
    assert len(set(sequences)) == len(sequences)  # 8^10 sequences: none is drawn twice by chance


def test_confirmations_go_on_after_a_resume(make_run: MakeRun, execute: Execute) -> None:
    settings: dict[str, Any] = {"steps": 12, "eval_every": 2, "confirm_examples": 20}
    whole = execute(make_run(task=LuckyAt(evaluation=1, refused=99), **settings))
    assert whole.results["confirmation_attempts"] == 7
    folder = RunFolder(whole.folder.path.parent / "cut")
    with pytest.raises(PowerCut):
        execute(make_run(task=LuckyAt(evaluation=1, refused=99), **settings, checkpoint_every_s=0), folder, [Cut(7)])
    assert_same(execute(make_run(task=LuckyAt(evaluation=1, refused=99), **settings), folder), whole)
