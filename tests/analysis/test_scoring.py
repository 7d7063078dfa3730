"""Scores of runs, and cell against cell, by hand."""

import numpy as np
import pytest

from rnnbench.analysis.scoring import paired_differences, score_matrix, scores, with_scores
from rnnbench.analysis.variant import Variant
from tests.analysis.made import table


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_score_is_the_fraction_of_the_baseline_loss_removed() -> None:
    runs = table(
        {"test_loss": 0.25, "baseline_loss": 0.5}, {"test_loss": 2.0}, {"test_loss": np.nan, "status": "diverged"},
        {"status": "running"}, {"test_loss": np.nan, "status": "failed", "baseline_loss": np.nan},
    )  # fmt: skip
    assert list(with_scores(runs)["score"]) == [0.5, 0.0, 0.0, 0.0]


def test_matrix_has_the_seeds_that_every_task_has() -> None:
    runs = table(
        {"seed": 0, "test_loss": 0.1}, {"seed": 1, "test_loss": 0.2}, {"seed": 2, "test_loss": 0.3},
        {"seed": 1, "test_loss": 0.4, "task": "xor"}, {"seed": 2, "test_loss": 0.5, "task": "xor"},
    )  # fmt: skip
    matrix = score_matrix(runs)
    assert list(matrix.index) == [1, 2]
    np.testing.assert_allclose(matrix.to_numpy(), [[0.8, 0.6], [0.7, 0.5]])


def test_interquartile_mean_over_tasks_and_seeds() -> None:
    losses = [0.9, 0.6, 0.4, 0.0]
    runs = table(*({"seed": seed, "test_loss": loss} for seed, loss in enumerate(losses)))
    (row,) = scores(runs, generator()).to_dict("records")
    assert (row["tasks"], row["runs"]) == (1, 4)
    assert row["score"].estimate == pytest.approx(0.5)  # of 0.1, 0.4, 0.6, 1.0 the middle two


def test_pairs_by_seed() -> None:
    runs = table(
        *({"seed": seed, "test_loss": loss} for seed, loss in ((0, 0.1), (1, 0.2), (2, 0.0))),
        *({"seed": seed, "test_loss": loss, "cell": "rnn"} for seed, loss in ((0, 0.3), (1, 0.6), (3, 0.9))),
    )
    (row,) = paired_differences(runs, generator()).to_dict("records")
    assert (row["cell"], row["other_cell"], row["pairs"]) == ("gru", "rnn", 2)
    assert row["difference"].estimate == pytest.approx(0.3)  # 0.2 and 0.4
    assert row["difference"].low == pytest.approx(0.3 - 12.7062 * 0.1, abs=1e-4)  # t(0.975; 1), s / sqrt(2) = 0.1
    assert (row["score"], row["other_score"]) == (pytest.approx(0.85), pytest.approx(0.55))
    assert row["probability_of_improvement"].estimate == 1.0


def test_cells_are_compared_variant_by_variant() -> None:
    rates = [Variant((("optimizer.lr", rate),)) for rate in (1.0, 2.0)]
    shared = [{"cell": cell, "variant": variant} for cell in ("gru", "rnn") for variant in rates]
    found = paired_differences(table(*shared), generator())
    assert list(found["variant"]) == list(found["other_variant"]) == rates
    widths = {"gru": 9, "rnn": 20}
    apart = [{"cell": cell, "variant": Variant((("model.hidden_size", width),))} for cell, width in widths.items()]
    assert len(paired_differences(table(*apart), generator())) == 1
    assert paired_differences(table({}), generator()).empty
