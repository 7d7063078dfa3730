"""Losses on the log scale: by hand, each verdict on data made for it, and refusals."""

import math

import numpy as np
import pytest

from rnnbench.analysis.equivalence import within_margin
from rnnbench.analysis.log_loss import decades_over_baseline, log_loss_difference, log_loss_differences
from rnnbench.analysis.paired import PairedTest
from rnnbench.analysis.verdict import Verdict, below
from tests.analysis.two_groups import INF, binomial_error

BUDGETS = np.full(5, 1000.0)


def difference(a: list[float], b: list[float]) -> PairedTest:
    budgets = np.full(len(a), 1000.0)
    return log_loss_difference(np.array(a), np.array(b), budgets, budgets, np.random.default_rng(0))


def test_decades_by_hand():
    losses, baselines = np.array([0.001, 0.2, INF]), np.array([0.1, 0.1, 0.1])
    assert decades_over_baseline(losses, baselines) == pytest.approx([-2, math.log10(2), INF])
    assert decades_over_baseline(np.array([0.5]), 0.5) == pytest.approx([0])


def test_the_constant_predictor_on_its_own_data_is_zero():
    # Against the expected loss 1/6 of all data, a constant prediction on 500 targets scores up to +-0.05 decades.
    generator = np.random.default_rng(0)
    targets = generator.uniform(size=(20, 500, 2)).sum(axis=-1)
    losses = ((targets - 1) ** 2).mean(axis=1)
    assert np.abs(decades_over_baseline(losses, 1 / 6)).max() > 0.02
    assert decades_over_baseline(losses, losses) == pytest.approx(np.zeros(20))


def test_differences_by_hand():
    result = difference([1e-3, 1e-4, 1e-5], [1e-2, 1e-2, 1e-2])
    assert result.interval.estimate == pytest.approx(-2)
    assert result.p_value == pytest.approx(1 - math.sqrt(12 / 14))


def test_a_smaller_a_larger_and_an_open_loss():
    small, large = [1e-4, 1.2e-4, 0.9e-4, 1.1e-4, 1e-4], [1e-2, 1.3e-2, 0.8e-2, 1e-2, 1.1e-2]
    assert below(difference(small, large).interval) is Verdict.HOLDS
    assert below(difference(large, small).interval) is Verdict.FAILS
    assert below(difference(small, [0.9e-4, 1.3e-4, 0.8e-4, 1.2e-4, 1e-4]).interval) is Verdict.UNDECIDED


def test_equivalent_losses_are_so_by_a_factor_not_by_a_margin_of_scores():
    solved, forty_times = [2.0e-4, 2.1e-4, 1.9e-4, 2e-4, 2.2e-4], [8.0e-3, 8.1e-3, 7.9e-3, 8.3e-3, 8.0e-3]
    margin = math.log10(2)
    assert within_margin(difference(solved, [2.1e-4, 2.0e-4, 2e-4, 1.9e-4, 2.1e-4]).interval, margin) is Verdict.HOLDS
    assert within_margin(difference(solved, forty_times).interval, margin) is Verdict.FAILS


def test_diverged_runs_stay_in():
    finite = [1e-3, 1.1e-3, 0.9e-3, 1e-3, 1.2e-3, 1e-3]
    result = difference([INF] * 5 + [1e-2], finite)
    assert result.pairs == 6
    assert result.interval.estimate == INF
    assert below(result.interval) is Verdict.FAILS
    assert result.p_value == 2 / 64
    # One explosion of six is not enough to say that the cell is worse, nor that it is better.
    once = difference([INF, *finite[1:]], [2e-3, *(value * 1.5 for value in finite[1:])])
    assert below(once.interval) is Verdict.UNDECIDED
    # Where both diverged neither is better.
    assert difference([INF] * 6, [INF] * 6).interval.estimate == 0


def test_coverage_of_log_normal_losses():
    generator = np.random.default_rng(1)
    repeats, held = 400, 0
    for _ in range(repeats):
        a, b = (10 ** (shift + 0.3 * generator.standard_normal(5)) for shift in (-3.5, -3.0))
        interval = log_loss_difference(a, b, BUDGETS, BUDGETS, generator).interval
        held += interval.low <= -0.5 <= interval.high
    assert held / repeats == pytest.approx(0.95, abs=binomial_error(0.95, repeats))


@pytest.mark.parametrize(
    ("a", "b", "budgets", "message"),
    [
        ([1.0, 1], [1.0, 1], [900.0, 1000], r"^budgets=900 and 1000:"),
        ([math.nan], [1.0], [1000.0], r"^losses\[0\]=nan:"),
        ([0.0], [1.0], [1000.0], r"^losses=0:"),
        ([1.0], [1.0, 1], [1000.0], r"^losses_b\.size=2:"),
        ([1.0], [1.0], [1000.0, 1], r"^budgets_b\.size=2:"),
    ],
)
def test_refusals_by_name(a, b, budgets, message):
    with pytest.raises(ValueError, match=message):
        log_loss_difference(
            np.array(a), np.array(b), np.full(len(a), 1000.0), np.array(budgets), np.random.default_rng(0)
        )


def test_each_difference_with_diverged_runs():
    found = log_loss_differences(np.array([1.0, INF, 0.1, INF]), np.array([0.1, 0.1, INF, INF]))
    assert found.tolist() == [1.0, INF, -INF, 0.0]
