"""Which weights are tested, when training ends, in which unit it is counted, and what is done to the gradient."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from rnnbench.errors import SettingError
from rnnbench.training.randomness import Streams
from tests.training.conftest import Execute, MakeRun
from tests.training.test_loop import TwelveExamples

QUICK: dict[str, Any] = {"backend": "eager", "probes": {}, "hidden_size": 4}
UNSTEADY = {**QUICK, "make_optimizer": partial(torch.optim.SGD, lr=0.7), "eval_every": 1, "gradient_clip_norm": None}
"""With it the validation loss goes up and down."""
PROTOCOL: dict[str, Any] = {
    "backend": "eager", "hidden_size": 4, "weight_noise": 0.1, "selection": "best", "patience": 6, "eval_every": 2,
    "truncate": 3,
}  # fmt: skip
"""All that a protocol can have."""


def test_the_best_weights_on_validation_data_are_tested(make_run: MakeRun, execute: Execute) -> None:
    best = execute(make_run(**UNSTEADY, steps=20, selection="best"))
    losses = best.validation_losses
    step = min(losses, key=lambda step: (losses[step], step))
    assert 0 < step < 20, "the case is to have its best evaluation in the middle"
    assert best.results["selected_step"] == step
    assert best.results["selected_validation_loss"] == losses[step]
    assert best.results["validation_loss"] == losses[20]
    stopped_there = execute(make_run(**UNSTEADY, steps=step))
    for name in ("test_loss", "weights_sha256"):
        assert best.results[name] == stopped_there.results[name]
    last = execute(make_run(**UNSTEADY, steps=20))
    assert last.results["selected_step"] == 20
    assert last.results["test_loss"] != best.results["test_loss"]
    assert last.results["validation_loss"] == best.results["validation_loss"]


def test_of_equal_validation_losses_the_first_is_the_best(make_run: MakeRun, execute: Execute) -> None:
    still = execute(make_run(**QUICK, make_optimizer=partial(torch.optim.SGD, lr=0.0), selection="best", patience=2))
    assert still.results["selected_step"] == 0
    assert (still.results["steps_trained"], still.results["training_ended_by"]) == (10, "patience")
    assert sorted(still.validation_losses) == [0, 5, 10]


@pytest.mark.parametrize("patience", [1, 3])
def test_early_stopping_ends_after_so_many_evaluations_without_a_lower_loss(
    make_run: MakeRun, execute: Execute, patience: int
) -> None:
    losses = execute(make_run(**UNSTEADY, steps=60)).validation_losses
    lowest, without = math.inf, 0
    for expected in range(61):
        without = 0 if losses[expected] < lowest else without + 1
        lowest = min(lowest, losses[expected])
        if without == patience:
            break
    stopped = execute(make_run(**UNSTEADY, steps=60, patience=patience))
    assert expected < 60
    assert (stopped.results["steps_trained"], stopped.results["training_ended_by"]) == (expected, "patience")
    assert stopped.results["budget_steps"] == 60


def test_a_budget_in_epochs_is_the_same_run_as_its_steps(make_run: MakeRun, execute: Execute) -> None:
    in_epochs = execute(
        make_run(task=TwelveExamples(), **QUICK, steps=None, epochs=3, eval_every=None, eval_every_epochs=1)
    )
    in_steps = execute(make_run(task=TwelveExamples(), **QUICK, steps=9, eval_every=3))
    assert repr(in_epochs.numbers) == repr(in_steps.numbers)
    assert sorted(in_epochs.validation_losses) == [0, 3, 6, 9]
    results = in_epochs.results
    assert (results["steps_trained"], results["budget_steps"], results["epochs_trained"]) == (9, 9, 3)
    assert execute(make_run(**QUICK)).results["epochs_trained"] is None
    in_windows = make_run(task=TwelveExamples(), **QUICK, steps=None, epochs=2, truncate=3)
    assert in_windows.settings.steps == 2 * 3 * 1  # of eight steps only the last has a target


def test_weight_noise_is_of_the_pass_alone(make_run: MakeRun, execute: Execute) -> None:
    """Forward and backward with noisy weights, the update on clean ones (Graves 2011)."""
    model = (run := make_run(**UNSTEADY)).model
    generator = Streams.from_seed(0).weight_noise
    batches = run.task.training_batches(5, run.streams.training)
    for _ in range(6):
        noisy = {
            name: (value + 0.075 * torch.randn(value.shape, generator=generator)).detach().requires_grad_()
            for name, value in model.named_parameters()
        }
        batch = next(batches)
        outputs = torch.func.functional_call(model, noisy, (batch.inputs, len(batch.targets)))
        gradients = torch.autograd.grad(run.task.mean_loss(outputs, batch), list(noisy.values()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter -= 0.7 * gradient
    trained = make_run(**UNSTEADY, weight_noise=0.075, steps=6)
    execute(trained)
    for actual, expected in zip(trained.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)
    torch.manual_seed(5)
    again = execute(make_run(**UNSTEADY, weight_noise=0.075, steps=6))
    assert all(
        torch.equal(a, b) for a, b in zip(trained.model.state_dict().values(), again.weights.values(), strict=True)
    )


PLATEAU = {"make_schedule": lambda given, _: ReduceLROnPlateau(given, factor=0.5, patience=1, threshold=0.0)}


def test_a_schedule_sets_the_learning_rate(make_run: MakeRun, execute: Execute) -> None:
    run = make_run(**QUICK, eval_every=1, make_schedule=CosineAnnealingLR)
    rates = [row["learning_rate"] for row in execute(run).progress.history]
    np.testing.assert_allclose(rates, [0.5e-2 * (1 + math.cos(math.pi * step / 12)) for step in range(13)], atol=1e-12)


def test_a_schedule_waits_for_a_plateau_of_the_validation_loss(make_run: MakeRun, execute: Execute) -> None:
    history = execute(make_run(**UNSTEADY, steps=30, **PLATEAU)).progress.history
    rate, lowest, bad, expected = 0.7, math.inf, 0, [0.7]
    for row in history[1:]:
        loss = float(row["validation_loss"])
        lowest, bad = (loss, 0) if loss < lowest else (lowest, bad + 1)
        if bad > 1:
            rate, bad = rate / 2, 0
        expected.append(rate)
    assert [row["learning_rate"] for row in history] == expected
    assert rate < 0.7


def test_weights_are_kept_on_request(make_run: MakeRun, execute: Execute, tmp_path: Path) -> None:
    executed = execute(make_run(**QUICK, keep_weights=False))
    assert not (executed.folder.path / "weights.pt").exists()
    with pytest.raises(SettingError, match=r"weights\.pt: is missing: the run did not end, or kept no weights; train"):
        executed.folder.load_weights()
