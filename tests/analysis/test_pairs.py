"""Cell against cell by steps and by loss: runs for which each rule holds, fails and stays undecided."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.loss_comparison import loss_comparison
from rnnbench.analysis.steps_comparison import CONTRADICTED, NONE_REACHED, steps_comparison
from rnnbench.analysis.variant import Variant
from rnnbench.report.tables.paired_differences import PairedDifferences
from tests.analysis.made import table

NONE = np.nan
NEVER = [NONE] * 5
SOON, LATER, MUCH_LATER = [100, 110, 120, 130, 140], [200, 210, 220, 230, 240], [700, 720, 740, 760, 780]
SMALL = [0.0010, 0.0012, 0.0009, 0.0011, 0.0013]
LARGE = [0.0100, 0.0090, 0.0110, 0.0120, 0.0100]

Rows = list[dict[str, Any]]


def by_steps(cell: str, length: int, steps: list[float], **same: Any) -> Rows:
    return [
        {"cell": cell, "task.length": length, "seed": seed, "steps_to_solve": step, "train.steps": 1000} | same
        for seed, step in enumerate(steps)
    ]


def steps_rows(*runs: dict[str, Any], milestone: str = "solved") -> pd.DataFrame:
    return steps_comparison(table(*runs), np.random.default_rng(0), milestone)


def steps_row(of_gru: list[float], of_rnn: list[float], **of_rnn_runs: Any) -> dict[Any, Any]:
    runs = [*by_steps("gru", 10, of_gru), *by_steps("rnn", 10, of_rnn, **of_rnn_runs)]
    (row,) = steps_rows(*runs).to_dict("records")
    return row


@pytest.mark.parametrize(
    ("of_gru", "of_rnn", "fewer", "equivalent"),
    [
        (SOON, MUCH_LATER, "holds", "differs by more"),
        (MUCH_LATER, SOON, "fails", "differs by more"),
        (SOON, NEVER, "holds", "differs by more"),
        ([100, 101, 102, 103, 104], [103, 101, 104, 102, 100], "undecided", "equivalent"),
        (SOON, [145, 150, 160, 165, 170], "holds", "differs"),
        ([990] * 5, NEVER, "holds", "differs"),  # late in the budget: solved or not is a difference
        ([100, 300, 500, 700, 900], [120, 280, 520, 680, NONE], "undecided", "not seen"),
        (SOON[:3], MUCH_LATER[:3], "undecided", "not seen"),  # of three runs against three p is at least 0.1
        (NEVER, NEVER, "undecided", "not seen"),
    ],
)
def test_verdicts_on_steps(of_gru: list[float], of_rnn: list[float], fewer: str, equivalent: str) -> None:
    row = steps_row(of_gru, of_rnn)
    assert (row["fewer_steps"], row["equivalent"]) == (fewer, equivalent)
    assert row["why_no_ratio"] == (NONE_REACHED if of_gru is NEVER else "")


def test_ratio_and_the_exact_p_value() -> None:
    row = steps_row(SOON, [2 * steps for steps in SOON])
    assert row["ratio"].estimate == pytest.approx(0.5, rel=0.1)
    assert row["ratio"].low < 0.5 < row["ratio"].high < 1
    # the two most extreme of 10 choose 5 ways to deal the runs
    assert row["p_value"] == row["smallest_p_value"] == pytest.approx(2 / 252)


def test_probability_of_fewer_steps() -> None:
    """Unsolved after 500 steps says nothing against runs that took 700."""
    chance = steps_row(SOON, MUCH_LATER)["probability_of_fewer_steps"]
    assert chance.estimate == chance.high == 1
    assert 0.5 < chance.low < 0.7
    short = steps_row(MUCH_LATER, NEVER, **{"train.steps": 500, "steps_trained": 500})
    assert (short["p_value"], short["probability_of_fewer_steps"].estimate) == (1, 0.5)


@pytest.mark.parametrize(("lengths", "fewer"), [((10, 20, 40), "holds"), (tuple(range(10, 80, 10)), "undecided")])
def test_the_lengths_of_a_pair_are_several_tests(lengths: tuple[int, ...], fewer: str) -> None:
    """One length of seven is not enough where one of one is: 7 x 2/252 = 0.056. All together are one test."""
    pairs = (("gru", SOON), ("rnn", LATER))
    rows = steps_rows(*(run for cell, steps in pairs for length in lengths for run in by_steps(cell, length, steps)))
    *each, over_all = rows.to_dict("records")
    assert [row["difficulty"] for row in each] == list(lengths)
    assert [row["p_value"] for row in each] == pytest.approx([2 / 252] * len(lengths))
    assert [row["p_holm"] for row in each] == pytest.approx([len(lengths) * 2 / 252] * len(lengths))
    assert {row["fewer_steps"] for row in each} == {fewer}
    assert (over_all["difficulty"], over_all["fewer_steps"], over_all["runs"]) == (
        "all lengths",
        "holds",
        5 * len(lengths),
    )


@pytest.mark.parametrize(
    ("at_10", "at_20", "why", "fewer"),
    [
        ((SOON, LATER), (LATER, [2 * steps for steps in LATER]), "", "holds"),
        ((SOON, LATER), (SOON, NEVER), CONTRADICTED, "holds"),
        ((SOON, LATER), (LATER, SOON), CONTRADICTED, "undecided"),
    ],
)
def test_one_ratio_for_all_lengths(at_10: Any, at_20: Any, why: str, fewer: str) -> None:
    runs = [
        run for length, pair in ((10, at_10), (20, at_20))
        for cell, steps in zip(("gru", "rnn"), pair, strict=True) for run in by_steps(cell, length, steps)
    ]  # fmt: skip
    over_all = steps_rows(*runs).iloc[-1]
    assert (over_all["why_no_ratio"], over_all["fewer_steps"]) == (why, fewer)
    assert over_all["ratio"].low < 0.53 < over_all["ratio"].high if not why else np.isnan(over_all["ratio"].estimate)


def test_pairs_have_one_variant_and_a_length_in_common() -> None:
    rates = [Variant((("optimizer.lr", rate),)) for rate in (1.0, 2.0)]
    shared = [run for cell in ("gru", "rnn") for rate in rates for run in by_steps(cell, 10, SOON, variant=rate)]
    found = steps_rows(*shared)
    assert list(found["variant"]) == list(found["other_variant"]) == rates
    apart = [
        run for cell, width in (("gru", 9), ("rnn", 20))
        for run in by_steps(cell, 10, SOON, variant=Variant((("model.hidden_size", width),)))
    ]  # fmt: skip
    assert len(steps_rows(*apart)) == 1
    assert steps_rows(*by_steps("gru", 10, SOON), *by_steps("rnn", 20, SOON)).empty
    untrained = by_steps("gru", 10, NEVER, **{"train.steps": 0})
    assert steps_rows(*untrained, *by_steps("rnn", 10, SOON)).empty


def by_loss(cell: str, losses: list[float], **same: Any) -> Rows:
    """A run for each loss; NaN is one that diverged."""
    return [
        {"cell": cell, "seed": seed, "test_loss": loss, "train.steps": 1000}
        | ({"status": "diverged", "steps_trained": 7} if math.isnan(loss) else {})
        | same
        for seed, loss in enumerate(losses)
    ]


def loss_rows(*runs: dict[str, Any]) -> pd.DataFrame:
    return loss_comparison(table(*runs), np.random.default_rng(0))


def loss_row(of_gru: list[float], of_rnn: list[float], **same: Any) -> dict[Any, Any]:
    (row,) = loss_rows(*by_loss("gru", of_gru, **same), *by_loss("rnn", of_rnn, **same)).to_dict("records")
    return row


@pytest.mark.parametrize(
    ("of_gru", "of_rnn", "smaller", "equivalent"),
    [
        (SMALL, LARGE, "holds", "differs by more"),
        (LARGE, SMALL, "fails", "differs by more"),
        (SMALL, [1.1 * SMALL[4], *SMALL[:4]], "undecided", "equivalent"),
        (SMALL, [0.0001, 0.1, 0.0002, 0.05, 0.001], "undecided", "not seen"),
        (SMALL, [10 * loss for loss in SMALL], "undecided", "not seen"),  # all differences agree: no spread
        (SMALL, [1.8 * loss * (1 + 0.05 * n) for n, loss in enumerate(SMALL)], "holds", "differs"),
        # One of five exploded: the range of five medians reaches to infinity, and no sign test has p below 0.0625.
        (SMALL, [*LARGE[:4], math.nan], "undecided", "not seen"),
        (NEVER, NEVER, "undecided", "not seen"),  # both exploded: no difference, and no spread
        ([*SMALL, 0.001], [math.nan] * 6, "holds", "differs by more"),  # six exploded: p = 2 / 2^6 = 0.031
    ],
)
def test_verdicts_on_losses(of_gru: list[float], of_rnn: list[float], smaller: str, equivalent: str) -> None:
    row = loss_row(of_gru, of_rnn)
    assert (row["smaller_loss"], row["equivalent"]) == (smaller, equivalent)


def test_difference_in_decades_by_hand() -> None:
    row = loss_row([1e-3, 1e-4], [1e-2, 1e-2])  # -1 and -2: mean -1.5, s / sqrt(2) = 0.5, t(0.975; 1) = 12.7062
    assert row["difference"].estimate == pytest.approx(-1.5)
    assert row["difference"].high == pytest.approx(-1.5 + 12.7062 / 2, abs=1e-4)
    assert row["pairs"] == 2


def test_losses_against_the_constant_predictor_on_their_own_data() -> None:
    row = loss_row(SMALL, LARGE, test_baseline_loss=0.1)
    assert (row["decades"], row["other_decades"]) == pytest.approx((math.log10(0.0011 / 0.1), -1))
    assert math.isnan(loss_row(SMALL, LARGE)["decades"])  # not recorded


@pytest.mark.parametrize(
    ("ended_by", "compared"), [("patience", True), ("solved", False), (None, False)], ids=["patience", "solved", "old"]
)
def test_losses_at_which_runs_stopped_are_not_compared(ended_by: str | None, compared: bool) -> None:
    """But those of runs that early stopping ended are."""
    same = {} if ended_by is None else {"training_ended_by": ended_by}
    gru, rnn = by_loss("gru", SMALL, steps_trained=400, **same), by_loss("rnn", LARGE, steps_trained=500, **same)
    rows = loss_rows(*gru, *rnn)
    (row,) = rows.to_dict("records")
    assert row["why_not_compared"] == ("" if compared else "trained 400 to 500 steps")
    assert row["smaller_loss"] == ("holds" if compared else "not measured")
    (cells,) = PairedDifferences().formatted(rows).to_dict("records")
    assert ("not compared: trained" in cells["difference (decades)"]) is not compared


def test_seeds_that_only_one_cell_has_are_left_out_and_counted() -> None:
    assert loss_row(SMALL, LARGE[:3])["pairs"] == 3
    (none,) = loss_rows(*by_loss("gru", SMALL[:1], seed=8), *by_loss("rnn", LARGE[:1])).to_dict("records")
    assert none["why_not_compared"] == "no seed in common"
