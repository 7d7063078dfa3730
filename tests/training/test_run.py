"""Runs are repeatable, and what they are trained and tested on depends on the seed and on nothing else."""

import numpy as np
import pandas as pd
import torch

from rnnbench.cells.gru import Gru
from rnnbench.cells.lstm import Lstm
from rnnbench.tasks import Batch
from rnnbench.tasks.copy_memory import CopyMemory
from tests.training.conftest import Execute, MakeRun


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
