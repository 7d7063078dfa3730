"""The log-rank test by hand, against scipy and statsmodels, and how often it rejects."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnbench.analysis.log_rank import log_rank_test
from rnnbench.analysis.steps_to_solve import StepsToSolve
from tests.analysis.two_groups import INF, binomial_error, drawn, group


def test_by_hand():
    # At 1: n = 4, n_a = 2: E = 1/2, V = 2*2*1*3/(16*3) = 1/4. At 2: n = 3, n_a = 1: E = 1/3, V = 1*2*1*2/(9*2) = 2/9.
    # At 3: n = 2, n_a = 1: E = 1/2, V = 1/4. O - E = 2 - 4/3, V = 13/18.
    # Scores 3/4, 5/12, -1/12, -13/12: of the 6 sums of two, |.| is 14/12, 8/12 and 4/12 twice each; ours is 8/12.
    result = log_rank_test(group([1, 3], 4), group([2, INF], 4), np.random.default_rng(0))
    assert result.observed_minus_expected == pytest.approx(2 / 3)
    assert result.variance == pytest.approx(13 / 18)
    assert result.z == pytest.approx(2 / 3 / math.sqrt(13 / 18))
    assert result.p_value == pytest.approx(4 / 6)
    assert result.smallest_p_value == pytest.approx(2 / 6)
    assert result.enumerated


def test_two_strata_with_ties_by_hand():
    # The second stratum: three solve at 10, n = 4, n_a = 2: E = 3/2, V = 2*2*3*1/(16*3) = 1/4; a has one of them.
    a = group([1, 3, 10, INF], 20, [1, 1, 2, 2])
    b = group([2, INF, 10, 10], 20, [1, 1, 2, 2])
    result = log_rank_test(a, b, np.random.default_rng(0))
    assert result.observed_minus_expected == pytest.approx(2 / 3 - 1 / 2)
    assert result.variance == pytest.approx(13 / 18 + 1 / 4)
    # The second's scores are 1/4 thrice and -3/4: sums of two are 1/2 and -1/2 in 3 of 6 ways each.
    # Added to +-14/12, +-8/12, +-4/12 no sum is smaller than 1/6 = 4/6 - 3/6.
    assert result.p_value == 1
    assert result.smallest_p_value == pytest.approx(2 / 36)


def test_a_stratum_where_none_solves_changes_nothing():
    a, b = group([1, 3, INF, INF], 9, [1, 1, 2, 2]), group([2, INF, INF, INF], 9, [1, 1, 2, 2])
    with_it = log_rank_test(a, b, np.random.default_rng(0))
    without = log_rank_test(a.of(1), b.of(1), np.random.default_rng(0))
    assert with_it[:5] == without[:5]


def test_no_run_solves():
    result = log_rank_test(group([INF] * 3, 9), group([INF] * 3, 9), np.random.default_rng(0))
    assert (result.observed_minus_expected, result.variance, result.p_asymptotic, result.p_value) == (0, 0, 1, 1)
    assert math.isnan(result.z)


def test_one_stratum_agrees_with_scipy():
    generator = np.random.default_rng(1)
    for _ in range(20):
        a, b = (group([step if step < 8 else INF for step in generator.integers(1, 11, runs)], 8) for runs in (5, 7))
        x, y = (
            stats.CensoredData(uncensored=part.steps[part.solved], right=part.budgets[~part.solved]) for part in (a, b)
        )
        reference = stats.logrank(x, y)
        result = log_rank_test(a, b, generator)
        assert result.z == pytest.approx(reference.statistic)
        assert result.p_asymptotic == pytest.approx(reference.pvalue)


def test_the_permutation_agrees_with_scipy():
    generator = np.random.default_rng(2)
    a, b = drawn(generator, 5, [100], 0.5, 120), drawn(generator, 5, [150], 0.5, 120)

    steps, budgets = (np.concatenate([getattr(a, name), getattr(b, name)]) for name in ("steps", "budgets"))

    def statistic(first: np.ndarray, second: np.ndarray) -> float:
        x, y = (StepsToSolve(steps[runs.astype(int)], budgets[runs.astype(int)]) for runs in (first, second))
        return log_rank_test(x, y, generator).observed_minus_expected

    reference = stats.permutation_test((np.arange(5), np.arange(5, 10)), statistic, vectorized=False, n_resamples=300)
    # scipy's two-sided p-value is twice the smaller tail, the same where the distribution is symmetric as it is here.
    assert log_rank_test(a, b, generator).p_value == pytest.approx(reference.pvalue)


def test_the_committed_claims_agree_with_statsmodels():
    # Adding at lengths 20, 40, 80 and 2,500 steps of training. statsmodels 0.15 survdiff(..., strata=...): 9.878709.
    lengths = np.repeat([20.0, 40, 80], 5).tolist()
    gru = group([1300, 1400, 1400, 1100, 1600, 2300, 1700, 1800, 1700, 1800, 2500, INF, INF, 1900, 2200], 2500, lengths)
    lstm = group([2100, 2200, 1500, 1500, 1700, 2300, 2000, INF, INF, 1700, INF, INF, INF, INF, 2500], 2500, lengths)
    result = log_rank_test(gru, lstm, np.random.default_rng(0))
    assert result.z == pytest.approx(math.sqrt(9.878709019537476))
    assert not result.enumerated
    assert result.p_value == pytest.approx(0.0017, abs=3 * math.sqrt(0.0017 / 9999))


def test_sampled_permutations_agree_with_enumerated(monkeypatch):
    generator = np.random.default_rng(3)
    a, b = drawn(generator, 5, [100], 0.5, 120), drawn(generator, 5, [150], 0.5, 120)
    exact = log_rank_test(a, b, generator)
    monkeypatch.setattr("rnnbench.analysis.log_rank.MOST_ENUMERATED", 1)
    sampled = log_rank_test(a, b, generator)
    assert not sampled.enumerated
    assert sampled.p_value == pytest.approx(exact.p_value, abs=binomial_error(exact.p_value, 9999) + 1e-3)


def test_the_permutation_keeps_its_level_where_the_asymptotic_does_not():
    generator = np.random.default_rng(4)
    results = []
    for _ in range(1000):
        a, b = (drawn(generator, 3, [100, 300], 0.5, 400) for _ in range(2))
        results.append(log_rank_test(a, b, generator))
    rejected = np.mean([result.p_value <= 0.05 for result in results])
    asymptotic = np.mean([result.p_asymptotic <= 0.05 for result in results])
    assert rejected <= 0.05 + binomial_error(0.05, 1000)
    assert asymptotic > rejected


def test_power_against_a_ratio_of_two():
    generator = np.random.default_rng(5)
    rejected = np.mean(
        [
            log_rank_test(
                drawn(generator, 5, [500], 0.3, 1e9), drawn(generator, 5, [1000], 0.3, 1e9), generator
            ).p_value
            <= 0.05
            for _ in range(300)
        ]
    )
    assert rejected == pytest.approx(0.86, abs=binomial_error(0.86, 300))


@pytest.mark.parametrize(
    ("steps", "budgets", "strata", "message"),
    [
        ([math.nan], [9], [], r"^steps\[0\]=nan:"),
        ([1, 2], [9], [], r"^budgets\.size=1:"),
        ([0], [9], [], r"^steps=0:"),
        ([4], [-1], [], r"^budgets=-1:"),
        ([10], [9], [], r"^steps\[0\]=10:"),
        ([4], [9], [math.nan], r"^strata\[0\]=nan:"),
    ],
)
def test_steps_are_refused_by_name(steps, budgets, strata, message):
    with pytest.raises(ValueError, match=message):
        StepsToSolve(np.array(steps, dtype=float), np.array(budgets, dtype=float), np.array(strata, dtype=float))


def test_a_stratum_of_one_group_is_refused():
    with pytest.raises(ValueError, match=r"^strata=2:"):
        log_rank_test(group([1, 2], 9, [1, 2]), group([1, 2], 9, [1, 1]), np.random.default_rng(0))
