"""Scores of runs, over runs and tasks, against hand-computed cases, and the bootstrap's coverage by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.scoring import (
    interquartile_mean,
    normalised_score,
    performance_profile,
    score_matrix,
    scores,
    with_scores,
)
from rnnbench.errors import SettingError
from tests.analysis.made import binomial_error, table
from tests.long import long_but


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_normalised_score_by_hand() -> None:
    # 1 - 0.05/0.2 = 0.75; at the baseline 0; 10% worse -0.1; twice and more -1; no loss 1; diverged -1.
    losses = np.array([0.05, 0.2, 0.22, 0.9, 0.0, math.nan, math.inf])
    np.testing.assert_allclose(normalised_score(losses, 0.2), [0.75, 0, -0.1, -1, 1, -1, -1], atol=1e-15)
    np.testing.assert_allclose(normalised_score([[1.0, 1.0], [2.0, 3.0]], [2.0, 4.0]), [[0.5, 0.75], [0, 0.25]])


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        # floor(6/4) = 1 is cut at each end: (1 + 2 + 3 + 4) / 4; with one run per task there are no bounds.
        ([[0, 1, 2, 3, 4, 99.0]], Interval(2.5)),
        # Two runs of one task, 0 and 1: a resample has mean 0, 1/2, 1 with probability 1/4, 1/2, 1/4.
        ([[0.0], [1.0]], Interval(0.5, 0, 1)),
        # Each task always scores the same, so no resample differs; pooled resampling would mix the two.
        ([[0.0, 1.0]] * 4, Interval(0.5, 0.5, 0.5)),
        (np.empty((0, 2)), Interval(math.nan)),
    ],
)
def test_interquartile_mean_by_hand(matrix: list[list[float]], expected: Interval) -> None:
    found = interquartile_mean(np.array(matrix), generator())
    assert (found.estimate, found.low, found.high) == pytest.approx(
        (expected.estimate, expected.low, expected.high), nan_ok=True
    )


def test_performance_profile_by_hand() -> None:
    # Of 0, .2, .5, 1: above 0 are three, above .2 two (strictly), above .7 one, above 1 none.
    matrix = np.array([[0.0, 0.2], [0.5, 1.0]])
    profile = performance_profile(matrix, np.array([0.0, 0.2, 0.7, 1.0]), generator())
    assert profile["threshold"].tolist() == [0.0, 0.2, 0.7, 1.0]
    assert profile["estimate"].tolist() == [0.75, 0.5, 0.25, 0.0]
    # Above 0.2 in a resample: of the first column 0, 1 or 2 and of the second 0, 1 or 2 runs, each with probability
    # 1/4, 1/2, 1/4, so none and all have 1/16. Above 0.7 are 0, 1 or 2 of the second column alone.
    assert profile["low"].tolist() == [0.5, 0.0, 0.0, 0.0]
    assert profile["high"].tolist() == [1.0, 1.0, 0.5, 0.0]
    one = performance_profile(np.array([[0.25, 0.75]]), np.array([0.5]), generator())
    assert one["estimate"].tolist() == [0.5]
    assert one[["low", "high"]].isna().all(axis=None)
    assert performance_profile(np.empty((0, 2)), np.array([0.5]), generator())["estimate"].isna().all()


# Resampling n runs has (n - 1)/n of the true variance, and 4 (n - 1) degrees of freedom in four tasks: expected is
# P(|t| <= 1.96 sqrt((n - 1)/n)), 90.1% at five runs and 94.0% at twenty.
@pytest.mark.parametrize(("runs", "repeats"), long_but([(5, 200)], [(5, 200), (20, 800)]))
def test_coverage_of_the_interquartile_mean(runs: int, repeats: int) -> None:
    source, covered = generator(31), 0
    for _ in range(repeats):
        result = interquartile_mean(source.random((runs, 4)), source, resamples=400)
        covered += result.low <= 0.5 <= result.high
    expected = 1 - 2 * stats.t.sf(1.96 * math.sqrt((runs - 1) / runs), 4 * (runs - 1))
    assert covered / repeats == pytest.approx(expected, abs=binomial_error(expected, repeats))


def test_score_is_the_fraction_of_the_baseline_loss_removed() -> None:
    runs = table(
        {"test_loss": 0.25, "baseline_loss": 0.5}, {"test_loss": 2.0}, {"test_loss": np.nan, "status": "diverged"},
        {"status": "running"}, {"test_loss": np.nan, "status": "failed", "baseline_loss": np.nan},
    )  # fmt: skip
    assert list(with_scores(runs)["score"]) == [0.5, -1.0, -1.0, -1.0]
    with pytest.raises(SettingError, match=r"^needs a task with a best constant above 0"):
        with_scores(table({"task": "music", "baseline_loss": np.nan}))


def test_matrix_has_the_seeds_that_every_task_has() -> None:
    runs = table(
        {"seed": 0, "test_loss": 0.1}, {"seed": 1, "test_loss": 0.2}, {"seed": 2, "test_loss": 0.3},
        {"seed": 1, "test_loss": 0.4, "task": "xor"}, {"seed": 2, "test_loss": 0.5, "task": "xor"},
    )  # fmt: skip
    matrix = score_matrix(runs)
    assert list(matrix.index) == [1, 2]
    np.testing.assert_allclose(matrix.to_numpy(), [[0.8, 0.6], [0.7, 0.5]])
    (row,) = scores(runs, generator()).to_dict("records")
    assert (row["tasks"], row["runs"], row["left_out"]) == (2, 2, 1)


def test_the_baseline_is_that_of_the_same_data_where_it_is_known() -> None:
    """By which the best constant scores 0 whatever the luck of its data."""
    runs = table({"test_loss": 0.9, "test_baseline_loss": 0.9}, {"test_loss": 0.9, "test_baseline_loss": np.nan})
    assert list(with_scores(runs)["score"]) == pytest.approx([0.0, 0.1])
    for part, name in ((runs.assign(seed=[0, 1]), "expected"), (runs[:1], "on the same data")):
        (row,) = scores(part, generator()).to_dict("records")
        assert row["baseline"] == name
