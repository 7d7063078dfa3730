"""What a confirmation is worth, on made tasks whose true error rate is known; and when it is asked for."""

from typing import Any

import pytest
from scipy.stats import binom
from torch import Tensor

from rnnbench.recorders import RunFolder
from rnnbench.tasks import Batch
from rnnbench.tasks.adding import Adding
from rnnbench.training import Run
from tests.training.conftest import Execute, MakeRun
from tests.training.test_loop import LuckyAt
from tests.training.test_run import Cut, PowerCut, assert_same

RUNS = 120
FAR_OUT = 1e-4
"""Probability on each side outside which a count speaks against a binomial."""


class KnownErrorRate(Adding):
    """A task of which every model gets this fraction of all examples wrong, by what the examples are."""

    def __init__(self, error_rate: float, solved_error_rate: float = 0.01) -> None:
        super().__init__(length=2)
        self.error_rate, self.solved_error_rate = error_rate, solved_error_rate

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        return batch.inputs[0, :, 0] >= self.error_rate


def chance_to_cross(error_rate: float, examples: int) -> float:
    """That fewer than 1% of the examples are wrong."""
    return float(binom.cdf(examples // 100 - 1, examples, error_rate))


def assert_binomial(count: int, trials: int, chance: float) -> None:
    assert binom.ppf(FAR_OUT, trials, chance) <= count <= binom.isf(FAR_OUT, trials, chance)


@pytest.mark.parametrize("error_rate", [0.012, pytest.param(0.003, marks=pytest.mark.long)])
def test_luck_is_told_from_a_solution(make_run: MakeRun, execute: Execute, error_rate: float) -> None:
    """1.2% wrong of all crosses 1% on 1,000 examples in 24% of runs; of those, 3% cross it on 10,000."""
    crossed = confirmed = 0
    for seed in range(RUNS):
        run = make_run(
            task=KnownErrorRate(error_rate),
            seed=seed,
            hidden_size=1,
            steps=0,
            eval_examples=1_000,
            confirm_examples=10_000,
            backend="eager",
            probes={},
        )
        results = execute(run).results
        crossed += results["first_crossing_step"] == 0
        confirmed += results["solved"]
        assert results["confirmation_attempts"] == (results["first_crossing_step"] == 0)
    on_validation, on_fresh = chance_to_cross(error_rate, 1_000), chance_to_cross(error_rate, 10_000)
    assert_binomial(crossed, RUNS, on_validation)
    assert_binomial(confirmed, crossed, on_fresh)
    if error_rate == 0.012:
        assert on_validation > 0.2
        assert on_fresh < 0.04
        assert crossed >= 10
        assert confirmed <= crossed / 4
    else:
        assert confirmed == crossed >= 0.99 * RUNS


@pytest.mark.parametrize(("steps", "evaluation"), [(10, 3), (12, 4)])
@pytest.mark.parametrize("refused", [0, 1])
def test_a_crossing_at_the_last_step_is_tried_within_it(
    make_run: MakeRun, execute: Execute, steps: int, evaluation: int, refused: int
) -> None:
    """The last step is evaluated whether or not `eval_every` (5) divides it."""
    task = LuckyAt(evaluation, refused)
    results = execute(make_run(task=task, steps=steps, eval_every=5, confirm_examples=20)).results
    assert (results["first_crossing_step"], results["confirmation_attempts"]) == (steps, 1)
    assert (results["steps_trained"], results["confirmation_examples"]) == (steps, 20)
    assert results["solved"] == (refused == 0)
    assert results["steps_to_solve"] == (steps if refused == 0 else None)


def test_a_solved_run_that_trains_on_is_not_confirmed_again(make_run: MakeRun, execute: Execute) -> None:
    settings: dict[str, Any] = {"steps": 12, "eval_every": 2, "confirm_examples": 20, "stop_when_solved": False}
    executed = execute(make_run(task=LuckyAt(evaluation=2, refused=1), **settings))
    results = executed.results
    assert (results["first_crossing_step"], results["steps_to_solve"], results["steps_trained"]) == (2, 4, 12)
    assert results["confirmation_attempts"] == 2
    assert [row["step"] for row in executed.progress.history if "confirmation_loss" in row] == [2, 4]


@pytest.mark.parametrize("cut", [1, 4, 6])
def test_attempts_go_on_after_a_resume_to_the_same_outcome(make_run: MakeRun, execute: Execute, cut: int) -> None:
    """Attempts succeed by what is drawn for them alone, here the fourth."""

    def run(checkpoint_every_s: float = 1000) -> Run:
        return make_run(
            task=KnownErrorRate(0.5, solved_error_rate=0.35),
            seed=37,
            steps=20,
            eval_every=2,
            confirm_examples=20,
            stop_when_solved=True,
            checkpoint_every_s=checkpoint_every_s,
        )

    whole = execute(run())
    assert (whole.results["confirmation_attempts"], whole.results["steps_to_solve"]) == (4, 6)
    folder = RunFolder(whole.folder.path.parent / "cut")
    with pytest.raises(PowerCut):
        execute(run(checkpoint_every_s=0), folder, [Cut(cut)])
    assert_same(execute(run(), folder), whole)


@pytest.mark.long
def test_evaluations_that_all_cross_by_luck_are_confirmed_as_often_as_fresh_data_say(
    make_run: MakeRun, execute: Execute
) -> None:
    """Each attempt is independent of those before: the last of n unconfirmed ones makes the next no likelier."""
    attempts, confirmed = 0, 0
    chance = float(binom.cdf(5, 20, 0.4))  # fewer than 30% of 20 wrong
    for seed in range(RUNS):
        run = make_run(
            task=KnownErrorRate(0.4, solved_error_rate=0.3),
            seed=seed,
            hidden_size=1,
            steps=4,
            eval_every=1,
            confirm_examples=20,
            stop_when_solved=True,
            backend="eager",
            probes={},
        )
        results = execute(run).results
        attempts += results["confirmation_attempts"]
        confirmed += results["solved"]
    assert attempts > 40
    assert_binomial(confirmed, attempts, chance)
