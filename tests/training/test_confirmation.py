"""What a confirmation is worth, on made tasks whose true error rate is known."""

from collections.abc import Callable
from typing import Any

import pytest
from scipy.stats import binom
from torch import Tensor

from rnnbench.tasks import Batch
from rnnbench.tasks.adding import Adding
from tests.training.conftest import Execute, MakeRun

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


@pytest.fixture
def known(make_run: MakeRun, execute: Execute) -> Callable[..., dict[str, Any]]:
    """The results of a run of a task whose error rate is known."""

    def results(error_rate: float, solved_error_rate: float = 0.01, **settings: Any) -> dict[str, Any]:
        task = KnownErrorRate(error_rate, solved_error_rate)
        return execute(make_run(task=task, hidden_size=1, backend="eager", probes={}, **settings)).results

    return results


@pytest.mark.long
@pytest.mark.parametrize("error_rate", [0.012, 0.003])
def test_luck_is_distinguished_from_a_solution(known: Callable[..., dict[str, Any]], error_rate: float) -> None:
    """1.2% wrong of all crosses 1% on 1,000 examples in 24% of runs; of those, 3% cross it on 10,000."""
    crossed = confirmed = 0
    for seed in range(RUNS):
        results = known(error_rate, seed=seed, steps=0, eval_examples=1_000, confirm_examples=10_000)
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
