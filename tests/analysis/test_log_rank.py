"""The log-rank test and power by hand, against scipy and statsmodels, and how often it rejects."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnbench.analysis.log_rank import log_rank_test, permutation_p_values
from rnnbench.analysis.milestones import StepsToSolve
from rnnbench.analysis.power import (
    detectable_difference_of,
    detectable_mean_difference,
    detectable_steps_ratio,
    log_rank_power,
    log_spread,
)
from tests.analysis.made import INF, binomial_error, drawn, group
from tests.long import long_but


def observed_minus_expected(a: StepsToSolve, b: StepsToSolve) -> float:
    """As the test computes it."""
    return float(permutation_p_values(a, b, np.ones(1), np.random.default_rng(0))[0][0])


def by_definition(a: StepsToSolve, b: StepsToSolve) -> float:
    """Over the steps t_j at which runs solve: the solves of a, less d_j n_aj / n_j."""
    last = np.concatenate([a.last_steps, b.last_steps])
    solves = np.concatenate([a.steps, b.steps])
    return sum(
        float((a.steps == step).sum() - (solves == step).sum() * (a.last_steps >= step).sum() / (last >= step).sum())
        for step in np.unique(solves[np.isfinite(solves)])
    )


def test_by_hand():
    # At 1: n = 4, n_a = 2: E = 1/2. At 2: n = 3, n_a = 1: E = 1/3. At 3: n = 2, n_a = 1: E = 1/2. O - E = 2 - 4/3.
    # Scores 3/4, 5/12, -1/12, -13/12: of the 6 sums of two, |.| is 14/12, 8/12 and 4/12 twice each; ours is 8/12.
    a, b = group([1, 3], 4), group([2, INF], 4)
    assert observed_minus_expected(a, b) == pytest.approx(2 / 3)
    assert log_rank_test(a, b, np.random.default_rng(0)) == pytest.approx((4 / 6, 2 / 6, 2 / 3))


def test_two_strata_with_ties_by_hand():
    # The second stratum: three solve at 10, n = 4, n_a = 2: E = 3/2; a has one of them.
    a = group([1, 3, 10, INF], 20, [1, 1, 2, 2])
    b = group([2, INF, 10, 10], 20, [1, 1, 2, 2])
    assert observed_minus_expected(a, b) == pytest.approx(2 / 3 - 1 / 2)
    # The second's scores are 1/4 thrice and -3/4: sums of two are 1/2 and -1/2 in 3 of 6 ways each.
    # Added to +-14/12, +-8/12, +-4/12 no sum is smaller than 1/6 = 4/6 - 3/6.
    assert log_rank_test(a, b, np.random.default_rng(0)) == pytest.approx((1, 2 / 36, 1 / 6))


def test_a_stratum_where_none_solves_changes_nothing():
    a, b = group([1, 3, INF, INF], 9, [1, 1, 2, 2]), group([2, INF, INF, INF], 9, [1, 1, 2, 2])
    generator = np.random.default_rng(0)
    assert log_rank_test(a, b, generator).p_value == log_rank_test(a.of(1), b.of(1), generator).p_value
    assert log_rank_test(group([INF] * 3, 9), group([INF] * 3, 9), generator).p_value == 1


def test_one_stratum_agrees_with_the_definition_and_the_sign_of_scipy():
    generator = np.random.default_rng(1)
    for _ in range(20):
        a, b = (group([step if step < 8 else INF for step in generator.integers(1, 11, runs)], 8) for runs in (5, 7))
        x, y = (
            stats.CensoredData(uncensored=part.steps[part.solved], right=part.budgets[~part.solved]) for part in (a, b)
        )
        found = observed_minus_expected(a, b)
        assert found == pytest.approx(by_definition(a, b))
        assert math.copysign(1, found) == math.copysign(1, stats.logrank(x, y).statistic)


def test_the_permutation_agrees_with_scipy():
    generator = np.random.default_rng(2)
    a, b = drawn(generator, 5, [100], 0.5, 120), drawn(generator, 5, [150], 0.5, 120)
    steps, budgets = (np.concatenate([getattr(a, name), getattr(b, name)]) for name in ("steps", "budgets"))

    def statistic(first: np.ndarray, second: np.ndarray) -> float:
        x, y = (StepsToSolve(steps[runs.astype(int)], budgets[runs.astype(int)]) for runs in (first, second))
        return by_definition(x, y)

    reference = stats.permutation_test((np.arange(5), np.arange(5, 10)), statistic, vectorized=False, n_resamples=300)
    # scipy's two-sided p-value is twice the smaller tail, the same where the distribution is symmetric as it is here.
    assert log_rank_test(a, b, generator).p_value == pytest.approx(reference.pvalue)


def test_the_committed_claims_agree_with_statsmodels():
    # Adding at lengths 20, 40, 80 and 2,500 steps of training. statsmodels 0.15 survdiff(..., strata=...): 9.878709,
    # which is (O - E)^2 / V, of p-value 0.0017.
    lengths = np.repeat([20.0, 40, 80], 5).tolist()
    gru = group([1300, 1400, 1400, 1100, 1600, 2300, 1700, 1800, 1700, 1800, 2500, INF, INF, 1900, 2200], 2500, lengths)
    lstm = group([2100, 2200, 1500, 1500, 1700, 2300, 2000, INF, INF, 1700, INF, INF, INF, INF, 2500], 2500, lengths)
    p_value = log_rank_test(gru, lstm, np.random.default_rng(0)).p_value
    assert p_value == pytest.approx(stats.chi2.sf(9.878709019537476, 1), abs=3 * math.sqrt(0.0017 / 9999))


def test_sampled_permutations_agree_with_enumerated(monkeypatch):
    generator = np.random.default_rng(3)
    a, b = drawn(generator, 5, [100], 0.5, 120), drawn(generator, 5, [150], 0.5, 120)
    exact = log_rank_test(a, b, generator).p_value
    monkeypatch.setattr("rnnbench.analysis.log_rank.MOST_ENUMERATED", 1)
    sampled = log_rank_test(a, b, generator)
    assert sampled.p_value == pytest.approx(exact, abs=binomial_error(exact, 9999) + 1e-3)
    assert sampled.smallest_p_value >= 1 / 10_000


@pytest.mark.parametrize("correlation", long_but([0.6], [0, 0.3, 0.6]))
def test_level(correlation):
    """At four strata of five seeds each, whose runs go together: seeds are dealt whole."""
    generator, repeats, rejected = np.random.default_rng(4), 500, 0
    for _ in range(repeats):
        a, b = (drawn(generator, 5, [100, 300, 600, 900], 0.4, 1000, 1, correlation) for _ in range(2))
        test = log_rank_test(a, b, generator)
        rejected += test.p_value <= 0.05
    assert test.smallest_p_value == pytest.approx(2 / 252)
    assert rejected / repeats <= 0.05 + binomial_error(0.05, repeats)


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
