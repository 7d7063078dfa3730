"""Every rule on steps: runs for which it holds, fails and stays undecided, diverged and failed ones among them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.steps_comparison import CONTRADICTED, NONE_REACHED, have_one_in_common, steps_comparison
from rnnbench.analysis.variant import Variant
from tests.analysis.made import table

NONE = np.nan
NEVER = [NONE] * 5
SOON, LATER, MUCH_LATER = [100, 110, 120, 130, 140], [200, 210, 220, 230, 240], [700, 720, 740, 760, 780]


def runs_of(cell: str, length: int, steps: list[float], **same: Any) -> list[dict[str, Any]]:
    return [
        {"cell": cell, "task.length": length, "seed": seed, "steps_to_solve": step, "train.steps": 1000} | same
        for seed, step in enumerate(steps)
    ]


def compared(*runs: dict[str, Any], milestone: str = "solved") -> pd.DataFrame:
    return steps_comparison(table(*runs), np.random.default_rng(0), milestone, permutations=999)


def one(of_gru: list[float], of_rnn: list[float], **of_rnn_runs: Any) -> dict[Any, Any]:
    (row,) = compared(*runs_of("gru", 10, of_gru), *runs_of("rnn", 10, of_rnn, **of_rnn_runs)).to_dict("records")
    return row


@pytest.mark.parametrize(
    ("of_gru", "of_rnn", "fewer", "equivalent"),
    [
        (SOON, MUCH_LATER, "holds", "fails"),
        (MUCH_LATER, SOON, "fails", "fails"),
        (SOON, NEVER, "holds", "fails"),
        ([100, 101, 102, 103, 104], [103, 101, 104, 102, 100], "undecided", "holds"),
        ([100, 300, 500, 700, 900], [120, 280, 520, 680, NONE], "undecided", "undecided"),
        (SOON[:3], MUCH_LATER[:3], "undecided", "undecided"),  # of three runs against three p is at least 0.1
        (NEVER, NEVER, "undecided", "undecided"),
    ],
)
def test_verdicts(of_gru: list[float], of_rnn: list[float], fewer: str, equivalent: str) -> None:
    row = one(of_gru, of_rnn)
    assert (row["fewer_steps"], row["equivalent"]) == (fewer, equivalent)


def test_ratio_and_the_exact_p_value() -> None:
    row = one(SOON, [2 * steps for steps in SOON])
    assert row["ratio"].estimate == pytest.approx(0.5, rel=0.1)
    assert row["ratio"].low < 0.5 < row["ratio"].high < 1
    assert row["p_value"] == pytest.approx(2 / 252)  # the two most extreme of 10 choose 5 ways to deal the runs
    assert row["p_value"] == row["smallest_p_value"]


def test_no_run_that_got_there_is_told() -> None:
    row = one(NEVER, NEVER)
    assert row["why_no_ratio"] == NONE_REACHED
    assert np.isnan(row["ratio"].estimate)
    assert (row["reached"], row["runs"], row["other_reached"], row["other_runs"]) == (0, 5, 0, 5)


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_runs_that_diverged_or_failed_never_get_there(status: str) -> None:
    row = one(SOON, NEVER, status=status, steps_trained=5)
    assert (row["other_reached"], row["other_runs"]) == (0, 5)
    assert row["fewer_steps"] == "holds"  # censored at step 5 they would say nothing


def test_a_probability_of_one_has_a_width() -> None:
    chance = one(SOON, MUCH_LATER)["probability_of_fewer_steps"]
    assert chance.estimate == chance.high == 1
    assert 0.5 < chance.low < 0.7


def test_the_lengths_of_a_pair_are_several_tests() -> None:
    rows = compared(
        *(run for length in (10, 20, 40) for run in runs_of("gru", length, SOON)),
        *(run for length in (10, 20, 40) for run in runs_of("rnn", length, LATER)),
    )
    assert list(rows["difficulty"]) == [10, 20, 40, "all lengths"]
    assert list(rows["p_value"][:3]) == pytest.approx([2 / 252] * 3)
    assert list(rows["p_holm"][:3]) == pytest.approx([6 / 252] * 3)
    # One length of seven is not enough where one of one is: 7 x 2/252 = 0.056.
    many = compared(
        *(run for length in range(10, 80, 10) for run in runs_of("gru", length, SOON)),
        *(run for length in range(10, 80, 10) for run in runs_of("rnn", length, LATER)),
    )
    assert set(many["fewer_steps"][:7]) == {"undecided"}
    assert many["fewer_steps"].iloc[7] == "holds"  # all lengths together are one test


def test_one_ratio_for_all_lengths() -> None:
    rows = compared(
        *runs_of("gru", 10, SOON), *runs_of("rnn", 10, LATER), *runs_of("gru", 20, LATER),
        *runs_of("rnn", 20, [2 * steps for steps in LATER]),
    )  # fmt: skip
    over_all = rows.iloc[-1]
    assert over_all["ratio"].low < 0.53 < over_all["ratio"].high
    assert over_all["why_no_ratio"] == ""
    assert (over_all["reached"], over_all["runs"]) == (10, 10)


def test_no_ratio_for_all_lengths_where_they_contradict_each_other() -> None:
    same_way = compared(
        *runs_of("gru", 10, SOON), *runs_of("rnn", 10, LATER), *runs_of("gru", 20, SOON), *runs_of("rnn", 20, NEVER)
    ).iloc[-1]
    assert (same_way["why_no_ratio"], same_way["fewer_steps"]) == (CONTRADICTED, "holds")
    assert np.isnan(same_way["ratio"].estimate)
    opposite = compared(
        *runs_of("gru", 10, SOON), *runs_of("rnn", 10, LATER), *runs_of("gru", 20, LATER), *runs_of("rnn", 20, SOON)
    ).iloc[-1]
    assert (opposite["why_no_ratio"], opposite["fewer_steps"]) == (CONTRADICTED, "undecided")


def test_a_ratio_in_common() -> None:
    assert have_one_in_common([Interval(1, 0.5, 2), Interval(3, 2, 4), Interval(2)])
    assert not have_one_in_common([Interval(1, 0.5, 2), Interval(3, 2.5, 4)])
    assert have_one_in_common([Interval(np.nan)])


def test_any_milestone() -> None:
    runs = [*runs_of("gru", 10, NEVER), *runs_of("rnn", 10, NEVER)]
    for run in runs:
        run["steps_to_half"] = 100 + run["seed"] if run["cell"] == "gru" else 500 + run["seed"]
    (row,) = compared(*runs, milestone="half").to_dict("records")
    assert (row["fewer_steps"], row["milestone"]) == ("holds", "half")


def test_pairs_have_one_variant_and_a_length_in_common() -> None:
    rates = [Variant((("optimizer.lr", rate),)) for rate in (1.0, 2.0)]
    shared = [run for cell in ("gru", "rnn") for rate in rates for run in runs_of(cell, 10, SOON, variant=rate)]
    found = compared(*shared)
    assert list(found["variant"]) == list(found["other_variant"]) == rates
    apart = [
        run for cell, width in (("gru", 9), ("rnn", 20))
        for run in runs_of(cell, 10, SOON, variant=Variant((("model.hidden_size", width),)))
    ]  # fmt: skip
    assert len(compared(*apart)) == 1
    assert compared(*runs_of("gru", 10, SOON), *runs_of("rnn", 20, SOON)).empty
    untrained = runs_of("gru", 10, NEVER, **{"train.steps": 0})
    assert compared(*untrained, *runs_of("rnn", 10, SOON)).empty


def test_a_run_of_a_shorter_budget_is_not_known_to_be_later() -> None:
    """Unsolved after 500 steps says nothing against runs that took 700."""
    runs = one(MUCH_LATER, NEVER, **{"train.steps": 500, "steps_trained": 500})
    assert (runs["p_value"], runs["probability_of_fewer_steps"].estimate) == (1, 0.5)
    assert one(MUCH_LATER, NEVER)["probability_of_fewer_steps"].estimate == 1
