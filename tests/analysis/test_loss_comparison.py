"""Every rule on losses: runs for which it holds, fails and stays undecided, exploding ones among them."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.loss_comparison import loss_comparison
from rnnbench.report.tables.paired_differences import PairedDifferences
from tests.analysis.made import results, table

SMALL = [0.0010, 0.0012, 0.0009, 0.0011, 0.0013]
LARGE = [0.0100, 0.0090, 0.0110, 0.0120, 0.0100]


def runs_of(cell: str, losses: list[float], **same: Any) -> list[dict[str, Any]]:
    """A run for each loss; NaN is one that diverged."""
    return [
        {"cell": cell, "seed": seed, "test_loss": loss, "train.steps": 1000}
        | ({"status": "diverged", "steps_trained": 7} if math.isnan(loss) else {})
        | same
        for seed, loss in enumerate(losses)
    ]


def compared(*runs: dict[str, Any]) -> pd.DataFrame:
    return loss_comparison(table(*runs), np.random.default_rng(0))


def one(of_gru: list[float], of_rnn: list[float]) -> dict[Any, Any]:
    (row,) = compared(*runs_of("gru", of_gru), *runs_of("rnn", of_rnn)).to_dict("records")
    return row


@pytest.mark.parametrize(
    ("of_gru", "of_rnn", "smaller", "equivalent"),
    [
        (SMALL, LARGE, "holds", "fails"),
        (LARGE, SMALL, "fails", "fails"),
        (SMALL, [1.1 * SMALL[4], *SMALL[:4]], "undecided", "holds"),
        (SMALL, [0.0001, 0.1, 0.0002, 0.05, 0.001], "undecided", "undecided"),
        (SMALL, [10 * loss for loss in SMALL], "undecided", "undecided"),  # all differences agree: no spread
        # One of five exploded: the range of five medians reaches to infinity, and no sign test has p below 0.0625.
        (SMALL, [*LARGE[:4], math.nan], "undecided", "fails"),
        ([math.nan] * 5, [math.nan] * 5, "undecided", "undecided"),  # both exploded: no difference, and no spread
    ],
)
def test_verdicts(of_gru: list[float], of_rnn: list[float], smaller: str, equivalent: str) -> None:
    row = one(of_gru, of_rnn)
    assert (row["smaller_loss"], row["equivalent"]) == (smaller, equivalent)


def test_a_cell_that_explodes_on_enough_seeds_has_the_larger_loss() -> None:
    row = one([*SMALL, 0.001], [math.nan] * 6)
    assert row["difference"].estimate == -math.inf
    assert (row["other_diverged_or_failed"], row["smaller_loss"]) == (6, "holds")  # p = 2 / 2^6 = 0.031
    assert row["p_value"] == pytest.approx(2 / 64)


def test_difference_in_decades_by_hand() -> None:
    row = one([1e-3, 1e-4], [1e-2, 1e-2])  # -1 and -2: mean -1.5, s / sqrt(2) = 0.5, t(0.975; 1) = 12.7062
    assert row["difference"].estimate == pytest.approx(-1.5)
    assert row["difference"].high == pytest.approx(-1.5 + 12.7062 / 2, abs=1e-4)
    assert row["pairs"] == 2


def test_losses_are_told_against_the_constant_predictor_on_their_own_data() -> None:
    gru = runs_of("gru", SMALL, test_baseline_loss=0.1)
    row = compared(*gru, *runs_of("rnn", LARGE, test_baseline_loss=0.1)).iloc[0]
    assert row["decades"] == pytest.approx(math.log10(0.0011 / 0.1))
    assert row["other_decades"] == pytest.approx(-1)
    assert math.isnan(one(SMALL, LARGE)["decades"])  # not recorded


def test_a_memoryless_model_is_0_decades_from_the_constant_predictor() -> None:
    """Its loss and the predictor's go up and down together with the luck of the data."""
    generator = np.random.default_rng(0)
    on_data = generator.uniform(0.15, 0.18, 5)
    rows = [
        run | {"test_baseline_loss": loss} for run, loss in zip(runs_of("gru", list(on_data)), on_data, strict=True)
    ]
    found = compared(*rows, *runs_of("rnn", SMALL, test_baseline_loss=0.1)).iloc[0]
    assert found["decades"] == 0


def test_losses_at_which_runs_stopped_are_not_compared() -> None:
    rows = compared(*runs_of("gru", SMALL, steps_trained=300), *runs_of("rnn", LARGE))
    (row,) = rows.to_dict("records")
    assert row["why_not_compared"] == "trained 300 to 1,000 steps"
    assert (row["smaller_loss"], row["equivalent"]) == ("not measured", "not measured")
    assert math.isnan(row["difference"].estimate)
    (cells,) = PairedDifferences().formatted(rows).to_dict("records")
    assert cells["difference (decades)"] == "not compared: trained 300 to 1,000 steps"


def test_seeds_that_only_one_cell_has_are_left_out_and_counted() -> None:
    (row,) = compared(*runs_of("gru", SMALL), *runs_of("rnn", LARGE[:3])).to_dict("records")
    assert row["pairs"] == 3
    (none,) = compared(*runs_of("gru", SMALL[:1], seed=8), *runs_of("rnn", LARGE[:1])).to_dict("records")
    assert none["why_not_compared"] == "no seed in common"


def test_holm_over_the_lengths_of_a_pair() -> None:
    noisy = [0.01, 0.0012, 0.01, 0.01, 0.0009]
    runs = [run for length in (10, 20) for run in runs_of("gru", SMALL, **{"task.length": length})]
    others = [*runs_of("rnn", LARGE, **{"task.length": 10}), *runs_of("rnn", noisy, **{"task.length": 20})]
    found = compared(*runs, *others)
    assert found["p_holm"].iloc[0] == pytest.approx(2 * found["p_value"].iloc[0])
    assert found["p_holm"].iloc[1] == pytest.approx(found["p_value"].iloc[1])


def test_a_table_without_a_pair_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match=r"^PairedDifferences: needs two trained cells on the same task"):
        PairedDifferences().rows(results(*runs_of("gru", SMALL)))


def test_losses_of_runs_that_early_stopping_ended_are_compared_and_those_of_solved_runs_are_not() -> None:
    for ended_by, why in (("patience", ""), ("solved", "trained 400 to 500 steps")):
        (row,) = compared(
            *runs_of("gru", SMALL, steps_trained=400, training_ended_by=ended_by),
            *runs_of("rnn", LARGE, steps_trained=500, training_ended_by=ended_by),
        ).to_dict("records")
        assert row["why_not_compared"] == why
        assert row["smaller_loss"] == ("not measured" if why else "holds")
