"""A paper's numbers beside ours: made runs for which the two agree, do not, and cannot be told."""

from typing import Any

import pandas as pd
import pytest

from rnnbench.analysis.published import published_numbers
from rnnbench.errors import SettingError


def runs(**steps: list[float]) -> pd.DataFrame:
    """A run for each cell and number of steps to solve, NaN where the budget of 1,000 did not do."""
    rows = [
        {"cell": cell, "task": "adding", "difficulty": 20, "seed": seed, "status": "done", "train.steps": 1000,
         "steps_trained": 1000, "steps_to_solve": value, "test_loss": 2.0**seed}
        for cell, values in steps.items() for seed, value in enumerate(values)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def agree(table: pd.DataFrame, *numbers: dict[str, Any]) -> list[str]:
    filled = [{"where": "", "what": "", "milestone": "solved", **number} for number in numbers]
    return list(published_numbers(table, filled)["agree"])


NONE = float("nan")


def test_all_and_no_runs() -> None:
    made = runs(gru=[100, 200, 300], lstm=[100, NONE, NONE], rnn=[NONE, NONE, NONE])
    numbers = [{"of": {"cell": cell}, "published": word} for cell in ("gru", "lstm", "rnn") for word in ("all", "no")]
    assert agree(made, *numbers) == ["yes", "no", "in part", "in part", "no", "yes"]
    row = published_numbers(made, [{**numbers[2], "where": "", "what": "", "milestone": "solved", "recalled": True}])
    assert list(row.loc[0, ["published", "ours"]]) == ["all, recalled", "1 of 3 in 1,000 steps"]


@pytest.mark.parametrize(
    ("published", "times", "trials", "expected"),
    # Losses 1, 2, 4, 8, 16: logarithms of mean 2 ln 2 and deviation sqrt(2.5) ln 2; a sixth run lies with 95% within
    # 2 +- 2.776 sqrt(2.5 * 1.2) = 2 +- 4.81 powers of 2, that is from 0.1427 to 112. The mean of ten, whose mean is 6.2
    # and deviation 6.099, lies within 6.2 +- 2.776 * 6.099 sqrt(0.1 + 0.2), that is from -3.07 to 15.47.
    [(4, 1, 1, "yes"), (0.144, 1, 1, "yes"), (0.141, 1, 1, "no"), (111, 1, 1, "yes"), (113, 1, 1, "no"),
     (111, 10, 1, "yes"), (1.41, 10, 1, "no"), (15.4, 1, 10, "yes"), (15.6, 1, 10, "no")],
)  # fmt: skip
def test_a_number_agrees_where_further_runs_may_lie(published: float, times: float, trials: int, expected: str) -> None:
    number = {"where": "", "what": "", "of": {"cell": "gru"}, "column": "test_loss", "times": times}
    number |= {"published": published, "trials": trials}
    assert list(published_numbers(runs(gru=[NONE] * 5), [number])["agree"]) == [expected]


def test_the_mean_of_several_columns() -> None:
    made = runs(gru=[NONE] * 2).assign(test_at_20=[0.5, 0.7], test_at_40=[0.7, 0.9])
    number = {"where": "", "what": "", "of": {"cell": "gru"}, "column": ["test_at_20", "test_at_40"], "times": 100}
    best = [{**number, "published": 90, "reached": value} for value in (79.9, 80.1)]  # the best of many runs
    table = published_numbers(made, [{**number, "published": 75}, *best])
    assert list(table["ours"]) == ["70 (60 to 80)"] * 3
    assert list(table["agree"]) == ["yes", "yes", "no"]


def test_runs_without_a_value() -> None:
    made = runs(gru=[100, NONE]).assign(clip=[1.0, NONE])
    assert agree(made, *({"of": {"clip": value}, "published": "all"} for value in (1, None))) == ["yes", "no"]


def test_unsolved_runs_may_need_any_number_of_steps_beyond_their_budget() -> None:
    made = runs(gru=[300, 500, NONE], rnn=[NONE])
    numbers = [
        {"of": {"cell": cell}, "published": value} for cell in ("gru", "rnn") for value in (299, 300, 1000, 1001)
    ]
    assert agree(made, *numbers) == ["no", "yes", "yes", "not seen", "no", "no", "no", "not seen"]


def test_the_order_of_two() -> None:
    made = runs(gru=[1, 2, 3, 4, 5], lstm=[6, 7, 8, NONE, NONE], rnn=[2, 3, 4, 5, 6], few=[100, 200, 300])
    less = {"published": "less"}
    # Five against five apart: p = 2/252. Over three rows by Holm 0.024, over seven 0.056.
    assert agree(made, {"of": {"cell": "gru"}, "than": {"cell": "lstm"}, **less},
                 {"of": {"cell": "lstm"}, "than": {"cell": "gru"}, **less},
                 {"of": {"cell": "gru"}, "than": {"cell": "rnn"}, **less}) == ["yes", "no", "not seen"]  # fmt: skip
    assert agree(made, *[{"of": {"cell": "gru"}, "than": {"cell": "lstm"}, **less}] * 7) == ["not seen"] * 7
    assert agree(made, {"of": {"cell": "rnn"}, "than": {"cell": "few"}, **less}) == ["yes"]  # 2/56
    assert agree(runs(a=[1, 2, 3], b=[4, 5, 6]), {"of": {"cell": "a"}, "than": {"cell": "b"}, **less}) == ["not seen"]


def test_the_order_within_each_length() -> None:
    made = pd.concat([runs(a=[1, 2, 3], b=[4, 5, 6]), runs(a=[7, 8, 9], b=[NONE] * 3).assign(difficulty=40)])
    row = {"of": {"cell": "a"}, "than": {"cell": "b"}, "published": "less"}
    assert agree(made, row) == ["not seen"]  # 27 of 36 pairs
    assert agree(made, {**row, "by": "difficulty"}) == ["yes"]  # all pairs of one length, 2/924


def test_alike_is_within_a_factor_and_can_be_open() -> None:
    near = [300, 310, 320, 330, 340, 350, 360, 370]
    made = runs(gru=near, same=near, more=[2 * each for each in near], slower=[1.2 * each for each in near], rnn=[NONE])
    alike = [{"of": {"cell": "gru"}, "than": {"cell": cell}, "published": "alike"} for cell in made.cell.unique()[1:]]
    assert agree(made, *alike) == ["yes", "no", "yes", "not seen"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ({"published": "some"}, "published=some: must be a number, all, no, less, alike or more than"),
        ({"published": 1, "of": {"cell": "mut1"}}, "no run has cell=mut1"),
        ({"published": 1, "of": {"cells": "gru"}}, "needs the column 'cells', which no run has"),
    ],
)
def test_what_cannot_be_compared_is_named(number: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        agree(runs(gru=[1.0]), {"of": {"cell": "gru"}, **number})
