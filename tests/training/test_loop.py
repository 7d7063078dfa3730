"""The training loop against a bare one, and its endings: done, solved, diverged."""

import math
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from rnnbench.cells.gru import Gru
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.model import Model
from rnnbench.probes import Measurement, Probe
from rnnbench.schema import EMPTY, Column, Status
from rnnbench.tasks import Batch, FiniteTask, Milestone, Task
from rnnbench.tasks.adding import Adding
from rnnbench.tasks.copy_memory import CopyMemory
from rnnbench.training.randomness import Streams
from tests.training.conftest import Execute, MakeRun

OPTIMIZERS = {
    "adam": partial(torch.optim.Adam, lr=1e-2),
    "rmsprop": partial(torch.optim.RMSprop, lr=1e-2, alpha=0.9, momentum=0.5),
    "sgd": partial(torch.optim.SGD, lr=0.1, momentum=0.9),
}


def generators(seed: int) -> dict[str, torch.Generator]:
    """The first streams of a seed, as SeedSequence spawns them."""
    children = np.random.SeedSequence(seed).spawn(4)
    return {
        name: torch.Generator().manual_seed(int(child.generate_state(1, np.uint64)[0]))
        for name, child in zip(("weights", "training", "validation", "test"), children, strict=True)
    }


def bare_training(
    make_cell: Any, task: Task, make_optimizer: Any, clip: float | None, steps: int, seed: int
) -> tuple[Model, list[float], list[float]]:
    """A plain PyTorch loop: the trained model, the loss of each step and its gradient's norm."""
    streams = generators(seed)
    model = Model(
        make_cell, input_size=task.input_size, output_size=task.output_size, hidden_size=6, generator=streams["weights"]
    )
    optimizer = make_optimizer(model.parameters())
    losses, norms = [], []
    for _ in range(steps):
        batch = task.draw(5, streams["training"])
        outputs = model(batch.inputs, len(batch.targets))
        if batch.targets.is_floating_point():
            loss = nn.functional.mse_loss(outputs, batch.targets)
        else:
            loss = task.step_losses(outputs, batch.targets).mean()
        optimizer.zero_grad()
        loss.backward()
        norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), math.inf if clip is None else clip)))
        optimizer.step()
        losses.append(loss.item())
    return model, losses, norms


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("clip", [None, 1.0, 0.05])
@pytest.mark.parametrize(("make_cell", "make_task"), [(Gru, Adding), (Lstm, partial(CopyMemory, 2))])
def test_weights_and_history_equal_a_bare_loop(
    make_run: MakeRun, execute: Execute, optimizer: str, clip: float | None, make_cell: Any, make_task: Any
) -> None:
    task = make_task()
    settings = {"make_optimizer": OPTIMIZERS[optimizer], "gradient_clip_norm": clip, "seed": 3, "probes": {}}
    executed = execute(make_run(make_cell, task, **settings))
    model, losses, norms = bare_training(make_cell, task, OPTIMIZERS[optimizer], clip, 12, seed=3)
    near = 0 if clip is None else 1e-5  # the norm is summed in another order
    for name, value in model.state_dict().items():
        torch.testing.assert_close(executed.weights[name], value, rtol=near, atol=near)
    rows = {row["step"]: row for row in executed.progress.history if "train_loss" in row}
    assert list(rows) == [0, 5, 10, 12]
    assert math.isnan(rows[0]["train_loss"])
    assert math.isnan(rows[0]["gradient_norm"])
    for start, end in [(0, 5), (5, 10), (10, 12)]:
        assert rows[end]["train_loss"] == pytest.approx(sum(losses[start:end]) / (end - start), rel=1e-12 + near)
        assert rows[end]["gradient_norm"] == pytest.approx(norms[end - 1], rel=1e-6 + near)
    if clip == 0.05:
        assert min(norms) > clip  # or clipping was not tried


def test_rows_hold_what_was_due_and_reach_the_recorders(make_run: MakeRun, execute: Execute) -> None:
    executed = execute(make_run(steps=12, eval_every=4))
    rows = executed.progress.history
    # Evaluations at 0, 4, 8, 12; probes at 0, 1, 2, 5, 10 and the end, 12; the costs at 0 only.
    assert [row["step"] for row in rows] == [0, 1, 2, 4, 5, 8, 10, 12]
    probed = [0, 1, 2, 5, 10, 12]
    columns = {"validation_loss": [0, 4, 8, 12], "gradient_decay": probed, "gradient_norm_total": probed}
    for column, steps in {**columns, "parameters": [0]}.items():
        assert [row["step"] for row in rows if column in row] == steps
    assert executed.events.rows == rows
    assert executed.events.steps == list(range(1, 13))
    assert executed.events.stored == [("gradient_profile", step) for step in probed]
    assert [step for step, _ in executed.progress.arrays["gradient_profile"]] == probed
    assert executed.results["gradient_decay"] == rows[-1]["gradient_decay"]
    assert executed.results["gradient_decay_initial"] == rows[0]["gradient_decay"]
    assert executed.results["parameters"] == rows[0]["parameters"]
    assert "parameters_initial" not in executed.results
    assert executed.results["steps_trained"] == 12


class Slow(Probe):
    """Measures nothing for a long time."""

    columns = {"slow": Column("nothing")}  # noqa: RUF012

    def measure(self, model: Model, task: Task, batch: Batch) -> Measurement:
        time.sleep(0.2)
        return Measurement({"slow": 1.0})


def test_probes_are_not_timed(make_run: MakeRun, execute: Execute) -> None:
    executed = execute(make_run(steps=2, probes={"slow": Slow()}))
    assert len(executed.progress.step_times_s) == 2
    assert max(executed.progress.step_times_s) < 0.15
    assert executed.results["wall_time_s"] > 0.6


def test_speed_by_hand(make_run: MakeRun, execute: Execute) -> None:
    executed = execute(make_run(steps=4))
    times, results = sorted(executed.progress.step_times_s), executed.results
    assert executed.progress.tokens == [5 * 8] * 4
    assert results["step_time_s"] == pytest.approx((times[1] + times[2]) / 2)
    assert results["step_time_lower_quartile_s"] == pytest.approx(times[0] + 0.75 * (times[1] - times[0]))
    assert results["step_time_upper_quartile_s"] == pytest.approx(times[2] + 0.25 * (times[3] - times[2]))
    assert results["tokens_per_second"] == pytest.approx((40 / times[1] + 40 / times[2]) / 2)
    assert results["training_time_s"] == pytest.approx(sum(times))


def test_no_steps_give_the_scores_of_the_initial_weights(make_run: MakeRun, execute: Execute) -> None:
    run = make_run(steps=0, seed=2)
    executed = execute(run)
    assert executed.outcome == "done"
    assert [row["step"] for row in executed.progress.history] == [0]
    assert executed.results["steps_trained"] == 0
    assert "step_time_s" not in executed.results
    assert executed.events.steps == []
    batch = run.task.draw(9, generators(2)["test"])
    with torch.no_grad():
        loss = (run.model(batch.inputs, 1) - batch.targets).square().mean().item()
    assert executed.results["test_loss"] == pytest.approx(loss, rel=1e-6)


class BelowLoss(Adding):
    """The adding problem, counted as solved below a loss."""

    def __init__(self, bound: float) -> None:
        super().__init__(length=8)
        self.bound = bound

    def solved(self, loss: float, error_rate: float) -> bool:
        return loss < self.bound


def test_a_run_stops_at_the_first_evaluation_that_solves_it(make_run: MakeRun, execute: Execute) -> None:
    whole = execute(make_run(task=BelowLoss(0), steps=40, eval_every=5))
    assert whole.results["solved"] is False
    assert whole.results["steps_to_solve"] is None
    assert whole.results["steps_trained"] == 40
    losses = whole.validation_losses
    bound = sorted(losses.values())[len(losses) // 2]
    first = next(step for step, loss in losses.items() if loss < bound)
    assert 0 < first < 40
    stopped = execute(make_run(task=BelowLoss(bound), steps=40, eval_every=5, stop_when_solved=True))
    assert (stopped.results["steps_to_solve"], stopped.results["steps_trained"]) == (first, first)
    assert stopped.results["solved"] is True
    assert stopped.progress.history[-1]["step"] == first
    assert "gradient_decay" in stopped.progress.history[-1]  # the last step of the run is probed
    assert "test_loss" in stopped.results
    on = execute(make_run(task=BelowLoss(bound), steps=40, eval_every=5))
    assert (on.results["steps_to_solve"], on.results["steps_trained"]) == (first, 40)
    assert on.results["weights_sha256"] == whole.results["weights_sha256"]
    at_once = execute(make_run(task=BelowLoss(math.inf), stop_when_solved=True))
    assert (at_once.results["steps_to_solve"], at_once.results["steps_trained"]) == (0, 0)


@pytest.mark.parametrize(("rate", "seed"), [(1e20, 0), (30.0, 1)])
def test_divergence_ends_the_run_at_its_step(make_run: MakeRun, execute: Execute, rate: float, seed: int) -> None:
    make_optimizer = partial(torch.optim.SGD, lr=rate)
    _, losses, norms = bare_training(Rnn, Adding(length=8), make_optimizer, None, 300, seed)
    step = 1 + int(np.argmin(np.isfinite(losses) & np.isfinite(norms)))
    settings = {"make_optimizer": make_optimizer, "gradient_clip_norm": None, "steps": 1000, "eval_every": 1000}
    executed = execute(make_run(Rnn, seed=seed, **settings))
    assert executed.outcome == "diverged"
    assert executed.results["diverged_at_step"] == step
    assert executed.results["steps_trained"] == step
    assert not set(EMPTY[Status.DIVERGED]) & set(executed.results)
    assert executed.results["test_baseline_loss"] == baseline_on_test_data(seed)
    assert executed.results["solved"] is False
    assert executed.results["training_ended_by"] is None
    assert executed.events.steps == list(range(1, step))
    assert all(value.isfinite().all() for value in executed.weights.values())
    if rate == 1e20:  # the weights after one update make the next loss infinite: an evaluation meets it first
        executed = execute(make_run(Rnn, seed=seed, **{**settings, "eval_every": 1}))
        assert (executed.outcome, executed.results["diverged_at_step"]) == ("diverged", 1)


class TwelveExamples(FiniteTask, Adding):
    """Twelve training examples, five for validation and for the test; keeps what was asked for."""

    def __init__(self) -> None:
        super().__init__(length=8)
        self.seen: list[Sequence[int]] = []

    def split_size(self, split: str) -> int:
        return 12 if split == "training" else 5

    def examples(self, split: str, chosen: Sequence[int]) -> Batch:
        if split == "training":
            self.seen.append(chosen)
        whole = Adding.draw(self, self.split_size(split), torch.Generator().manual_seed(len(split)))
        return Batch(whole.inputs[:, list(chosen)], whole.targets[:, list(chosen)])


def test_finite_data_are_gone_through_in_epochs_and_evaluated_whole(make_run: MakeRun, execute: Execute) -> None:
    task = TwelveExamples()
    run = make_run(task=task, steps=6, batch_size=5, eval_examples=1, eval_every=3)
    executed = execute(run)
    epochs = task.seen[2:8]  # after the probes' batch and the same again, by which the draw is checked
    assert [len(chosen) for chosen in epochs] == [5, 5, 2, 5, 5, 2]
    first, second = ([each for chosen in epoch for each in chosen] for epoch in (epochs[:3], epochs[3:]))
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second
    for split in ("validation", "test"):
        whole = task.examples(split, range(5))
        with torch.no_grad():
            expected = (run.model(whole.inputs, 1) - whole.targets).square().mean().item()
        assert executed.results[f"{split}_loss"] == pytest.approx(expected, rel=1e-6)


class LuckyAt(Adding):
    """The adding problem, counted as solved by every evaluation from one on, but not by the first confirmations."""

    def __init__(self, evaluation: int, refused: int) -> None:
        super().__init__(length=8)
        self.evaluation, self.refused = evaluation, refused
        self.sizes: list[int] = []
        self.drawn: dict[int, list[Tensor]] = {}

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        batch = super().draw(batch_size, generator)
        self.drawn.setdefault(batch_size, []).append(batch.inputs)
        return batch

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        self.sizes.append(batch.inputs.shape[1])
        return super().correct(outputs, batch)

    def solved(self, loss: float, error_rate: float) -> bool:
        if self.sizes[-1] == 20:
            return self.sizes.count(20) > self.refused
        return self.sizes.count(9) >= self.evaluation


def test_a_crossing_that_is_not_confirmed_trains_on(make_run: MakeRun, execute: Execute) -> None:
    task = LuckyAt(evaluation=3, refused=2)
    executed = execute(make_run(task=task, steps=60, eval_every=5, confirm_examples=20, stop_when_solved=True))
    results = executed.results  # evaluations at 0, 5, 10, ...: the third crosses; attempts at 10, 15, and 20 confirms
    assert (results["first_crossing_step"], results["steps_to_solve"], results["steps_trained"]) == (10, 20, 20)
    assert (results["solved"], results["confirmation_attempts"]) == (True, 3)
    rows = [row for row in executed.progress.history if "confirmation_loss" in row]
    assert [row["step"] for row in rows] == [10, 15, 20]
    assert all("validation_loss" in row and "confirmation_error_rate" in row for row in rows)
    attempts = task.drawn[20]
    assert len({inputs.numpy().tobytes() for inputs in attempts}) == 3  # fresh each time
    stream = int(np.random.SeedSequence(0, spawn_key=(5,)).generate_state(1, np.uint64)[0])
    second = int(np.random.SeedSequence([stream, 2]).generate_state(1, np.uint64)[0])
    expected = torch.Generator().manual_seed(second)
    assert torch.equal(attempts[1], Adding(length=8).draw(20, expected).inputs)


def test_confirmation_does_not_move_the_training(make_run: MakeRun, execute: Execute) -> None:
    lucky = execute(make_run(task=LuckyAt(evaluation=2, refused=99), confirm_examples=20))
    assert lucky.results["weights_sha256"] == execute(make_run()).results["weights_sha256"]
    assert (lucky.results["solved"], lucky.results["steps_to_solve"]) == (False, None)
    assert (lucky.results["first_crossing_step"], lucky.results["confirmation_attempts"]) == (5, 3)


def baseline_on_test_data(seed: int) -> Any:
    """The squared error of 1, the best constant, on the nine examples that a run of this seed ends on."""
    targets = Adding(length=8).draw(9, Streams.from_seed(seed).test).targets
    return pytest.approx(float((targets - 1).square().mean()), rel=1e-6)


class WithMilestones(Adding):
    """The adding problem with milestones that a short run meets at once, on its way and never."""

    milestones = (
        Milestone("at_once", "", "", "error_rate", 2.0),
        Milestone("on_the_way", "", "", "first_error", 0.22),
        Milestone("of_baseline", "", "", "loss", 0.75, of_baseline=True),
        Milestone("never", "", "", "loss", -1.0),
    )

    def measures(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {"first_error": (outputs - batch.targets).abs()[0, :, 0]}


def test_milestones_are_first_met_where_the_history_says(make_run: MakeRun, execute: Execute) -> None:
    executed = execute(make_run(task=WithMilestones(length=8), steps=200, eval_every=5, eval_examples=50, probes={}))
    results, history = executed.results, pd.DataFrame(executed.progress.history)
    assert (results["steps_to_at_once"], results["steps_to_never"]) == (0, None)
    for column, met in {
        "steps_to_on_the_way": history["validation_first_error"] < 0.22,
        "steps_to_of_baseline": history["validation_loss"] < 0.75 / 6,
    }.items():
        assert results[column] == history["step"][met].iloc[0] > 0
        assert not met[history["step"] < results[column]].any()
    assert results["validation_first_error"] == history["validation_first_error"].iloc[-1]
    settings = {"make_optimizer": partial(torch.optim.SGD, lr=1e20), "gradient_clip_norm": None}
    diverged = execute(make_run(Rnn, task=WithMilestones(length=8), **settings))
    assert (diverged.outcome, diverged.results["steps_to_at_once"]) == ("diverged", 0)
