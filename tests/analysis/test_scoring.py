"""Scores of runs, and cell against cell, by hand."""

import numpy as np
import pytest

from rnnbench.analysis.scoring import paired_differences, score_matrix, scores, with_scores
from rnnbench.analysis.variant import Variant
from rnnbench.errors import SettingError
from rnnbench.report.tables.scores import Scores
from tests.analysis.made import results, table


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_score_is_the_fraction_of_the_baseline_loss_removed() -> None:
    runs = table(
        {"test_loss": 0.25, "baseline_loss": 0.5}, {"test_loss": 2.0}, {"test_loss": np.nan, "status": "diverged"},
        {"status": "running"}, {"test_loss": np.nan, "status": "failed", "baseline_loss": np.nan},
    )  # fmt: skip
    assert list(with_scores(runs)["score"]) == [0.5, -1.0, -1.0, -1.0]


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
    (row,) = paired_differences(runs).to_dict("records")
    assert (row["cell"], row["other_cell"], row["pairs"]) == ("gru", "rnn", 2)
    assert row["difference"].estimate == pytest.approx(0.3)  # 0.2 and 0.4
    assert row["difference"].low == pytest.approx(0.3 - 12.7062 * 0.1, abs=1e-4)  # t(0.975; 1), s / sqrt(2) = 0.1


def test_cells_are_compared_variant_by_variant() -> None:
    rates = [Variant((("optimizer.lr", rate),)) for rate in (1.0, 2.0)]
    shared = [{"cell": cell, "variant": variant} for cell in ("gru", "rnn") for variant in rates]
    found = paired_differences(table(*shared))
    assert list(found["variant"]) == list(found["other_variant"]) == rates
    widths = {"gru": 9, "rnn": 20}
    apart = [{"cell": cell, "variant": Variant((("model.hidden_size", width),))} for cell, width in widths.items()]
    assert len(paired_differences(table(*apart))) == 1
    assert paired_differences(table({})).empty


def test_the_baseline_is_that_of_the_same_data_where_it_is_known() -> None:
    runs = table({"test_loss": 0.9, "test_baseline_loss": 0.9}, {"test_loss": 0.9, "test_baseline_loss": np.nan})
    assert list(with_scores(runs)["score"]) == pytest.approx([0.0, 0.1])
    (row,) = scores(runs.assign(seed=[0, 1]), generator()).to_dict("records")
    assert row["baseline"] == "expected"
    (row,) = scores(runs[:1], generator()).to_dict("records")
    assert row["baseline"] == "on the same data"


def test_a_model_without_memory_scores_0_on_the_same_data() -> None:
    """It is the constant predictor, and its test data are not those of the expectation."""
    losses = np.random.default_rng(0).uniform(0.15, 0.18, 5)
    runs = table(*({"seed": seed, "test_loss": loss, "test_baseline_loss": loss, "baseline_loss": 1 / 6}
                   for seed, loss in enumerate(losses)))  # fmt: skip
    (row,) = scores(runs, generator()).to_dict("records")
    assert row["score"].estimate == 0


def test_runs_that_agree_are_said_to_agree() -> None:
    made = results(*({"seed": seed, "test_loss": 0.1} for seed in range(3)))
    (cells,) = Scores().formatted(Scores().rows(made)).to_dict("records")
    assert cells["score"] == "0.9 (all runs agree)"


def test_seeds_that_a_task_lacks_are_counted() -> None:
    runs = table({"seed": 0}, {"seed": 1}, {"seed": 1, "task": "xor"})
    (row,) = scores(runs, generator()).to_dict("records")
    assert (row["tasks"], row["runs"], row["left_out"]) == (2, 1, 1)


def test_a_task_without_a_baseline_is_told() -> None:
    with pytest.raises(SettingError, match=r"^needs a task with a memoryless baseline above 0"):
        with_scores(table({"task": "music", "baseline_loss": np.nan}))


def test_scores_of_runs_that_stopped_are_marked() -> None:
    """Their losses are the stopping rule's: two cells that solve the task have the same."""
    made = results(*({"seed": seed, "test_loss": 0.001, "steps_trained": 100 + seed} for seed in range(3)))
    (cells,) = Scores().formatted(Scores().rows(made)).to_dict("records")
    assert cells["score"] == "0.999 (all runs agree) 3 at stop"
