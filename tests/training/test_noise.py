"""Random numbers in a cell's step come from the run's seed, in training alone."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnbench.cells import State
from rnnbench.cells.gru import Gru
from rnnbench.cells.rnn import Rnn
from rnnbench.tasks import Batch
from rnnbench.tasks.adding import Adding
from rnnbench.training.randomness import unseeded_randomness
from tests.training.conftest import Execute, MakeRun, assert_same


class Dropout(Gru):
    """A GRU whose input is dropped out."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.dropout = nn.Dropout(0.3)

    def step(self, x: Tensor, state: State) -> State:
        return super().step(self.dropout(x), state)


class Zoneout(Rnn):
    """Each unit keeps its state with probability 0.2; in evaluation it moves by the mean (Krueger et al. 2017)."""

    def step(self, x: Tensor, state: State) -> State:
        (new,) = super().step(x, state)
        if self.training:
            return (torch.where(torch.rand_like(new) < 0.2, state[0], new),)
        return (0.2 * state[0] + 0.8 * new,)


NOISY = {"dropout": Dropout, "zoneout": Zoneout}
QUICK: dict[str, Any] = {"hidden_size": 4, "backend": "eager"}


@pytest.mark.parametrize("cell", NOISY.values(), ids=NOISY)
def test_the_same_seed_gives_the_same_bits(make_run: MakeRun, execute: Execute, cell: type) -> None:
    first = execute(make_run(cell, **QUICK))
    torch.manual_seed(123)
    torch.rand(7)
    before = torch.get_rng_state()
    again = execute(make_run(cell, **QUICK))
    assert_same(again, first)
    assert torch.equal(torch.get_rng_state(), before), "a run leaves the global generator as it was"
    assert first.results["unseeded_randomness"] is None
    # 32 numbers of one seed: another stream of noise alone gives another run
    run = make_run(cell, **QUICK)
    run.streams.noise.manual_seed(99)
    assert execute(run).results["test_loss"] != first.results["test_loss"]


@pytest.mark.parametrize("cell", [Gru, Dropout])
def test_evaluations_and_probes_move_neither_training_nor_noise(
    make_run: MakeRun, execute: Execute, cell: type
) -> None:
    measured, unmeasured = make_run(cell, **QUICK, eval_every=1), make_run(cell, **QUICK, probes={}, eval_every=1000)
    one, other = execute(measured), execute(unmeasured)
    assert one.results["weights_sha256"] == other.results["weights_sha256"]
    assert one.results["test_loss"] == other.results["test_loss"]


def test_the_mode_is_that_of_torchs_modules(make_run: MakeRun, execute: Execute) -> None:
    seen: list[tuple[bool, bool]] = []

    class Noting(Rnn):
        def step(self, x: Tensor, state: State) -> State:
            seen.append((self.training, torch.is_grad_enabled()))
            return super().step(x, state)

    execute(make_run(Noting, backend="eager", probes={}, steps=2, eval_every=2))
    assert {mode for mode, gradient in seen if gradient} == {True}
    assert (False, False) in seen


class NumpyNoise(Rnn):
    def step(self, x: Tensor, state: State) -> State:
        return super().step(x + float(np.random.rand()), state)  # noqa: NPY002 - what a user may write


class AlwaysDropout(Rnn):
    def step(self, x: Tensor, state: State) -> State:
        return super().step(functional.dropout(x, 0.5), state)


class Unrepeatable(Adding):
    """Draws from the global generator."""

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        batch = super().draw(batch_size, generator)
        return Batch(batch.inputs + torch.rand(1), batch.targets)


@pytest.mark.parametrize(
    ("cell", "task", "told"),
    [
        (NumpyNoise, None, "NumpyNoise: two passes from the same seed differ in training"),
        (AlwaysDropout, None, "AlwaysDropout: it draws random numbers in evaluation as well"),
        (Rnn, Unrepeatable(length=8), "Unrepeatable: two batches drawn from generators of the same state differ"),
    ],
)
def test_randomness_that_no_seed_reaches_is_named(
    make_run: MakeRun, execute: Execute, capsys: pytest.CaptureFixture[str], cell: type, task: Any, told: str
) -> None:
    executed = execute(make_run(cell, task, backend="eager", probes={}, steps=1))
    assert executed.results["unseeded_randomness"] == told
    assert capsys.readouterr().err == f"rnnbench: run-1: {told}; the same seed may give other numbers\n"


def test_the_check_changes_nothing(make_run: MakeRun) -> None:
    class Normed(Rnn):
        def __init__(self, input_size: int, hidden_size: int) -> None:
            super().__init__(input_size, hidden_size)
            self.norm = nn.BatchNorm1d(input_size)

        def step(self, x: Tensor, state: State) -> State:
            return super().step(self.norm(x), state)

    run = make_run(Normed, backend="eager")
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    state = torch.get_rng_state()
    assert unseeded_randomness(run.model, run.task.draw(6, torch.Generator())) == ""
    assert all(torch.equal(value, before[name]) for name, value in run.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert run.model.training
