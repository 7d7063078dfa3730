"""The smallest difference that this many runs find: against a reference, and by simulating that they do."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnbench.analysis.log_rank import log_rank_test
from rnnbench.analysis.power import (
    detectable_difference_of,
    detectable_mean_difference,
    detectable_steps_ratio,
    log_rank_power,
    log_spread,
)
from tests.analysis.two_groups import INF, binomial_error, drawn, group


@pytest.mark.parametrize(("pairs", "effect"), [(5, 1.6819971), (10, 0.9960019)])
def test_a_mean_difference_agrees_with_statsmodels(pairs, effect):
    # TTestPower().solve_power(nobs=pairs, alpha=0.05, power=0.8) of statsmodels 0.15.
    assert detectable_mean_difference(0.3, pairs) == pytest.approx(0.3 * effect, rel=1e-6)


def test_a_mean_difference_at_every_number_of_pairs():
    """Checked by the distribution itself: at shifts of 8 and more scipy has NaN for rejecting on the wrong side."""
    for pairs in range(2, 13):
        shift = detectable_mean_difference(1.0, pairs) * math.sqrt(pairs)
        found = stats.nct.sf(stats.t.isf(0.025, pairs - 1), pairs - 1, shift)
        assert found == pytest.approx(0.8, abs=1e-6)
    assert detectable_mean_difference(0, 5) == 0
    assert math.isnan(detectable_mean_difference(1, 1))


def test_the_difference_that_given_ones_detect():
    differences = np.array([1.0, 2.0, 4.0])
    assert detectable_difference_of(differences) == detectable_mean_difference(float(differences.std(ddof=1)), 3)
    for without in ([1.0], [2.0, 2.0], [1.0, INF], []):
        assert math.isnan(detectable_difference_of(np.array(without)))


def test_spread_by_hand():
    # Logs 0, 1, 2 have variance 1; logs 0 and 2 have variance 2: pooled (2 * 1 + 1 * 2) / 3.
    a, b = group([math.exp(k) for k in (0, 1, 2)], 99), group([1, math.exp(2)], 99)
    assert log_spread(a, b) == pytest.approx(math.sqrt(4 / 3))
    assert math.isnan(log_spread(group([INF, INF, 3], 99)))


def test_spread_of_censored_runs_is_not_that_of_the_solved_ones():
    runs = drawn(np.random.default_rng(1), 400, [100.0], 0.5, 100)
    assert log_spread(runs) == pytest.approx(0.5, abs=0.06)
    assert np.log(runs.steps[runs.solved]).std() < 0.35


@pytest.mark.parametrize(("medians", "budget"), [([100.0], 1e9), ([100.0, 300], 350.0)])
def test_a_detectable_ratio_is_detected(medians, budget):
    generator = np.random.default_rng(2)
    a, b = (drawn(generator, 5, medians, 0.3, budget) for _ in range(2))
    ratio = detectable_steps_ratio(a, b, generator)
    assert 0.3 < ratio < 0.9
    power = log_rank_power(a, b, ratio, log_spread(a, b), np.random.default_rng(3))
    assert power == pytest.approx(0.8, abs=0.08)


def test_the_simulated_power_is_that_of_the_test():
    generator = np.random.default_rng(4)
    a, b = group([500, 510, 520, 530, 540], 2000), group([900, 950, 1000, 1050, 1100], 2000)
    expected = log_rank_power(a, b, 0.6, 0.3, generator)
    rejected = [
        log_rank_test(*(drawn(generator, 5, [median], 0.3, 2000) for median in (600.0, 1000.0)), generator).p_value
        <= 0.05
        for _ in range(300)
    ]
    assert np.mean(rejected) == pytest.approx(expected, abs=2 * binomial_error(0.7, 300))
