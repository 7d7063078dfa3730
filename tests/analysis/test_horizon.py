"""Success against length and matched comparisons, by hand."""

from typing import Any

import numpy as np
import pytest

from rnnbench.analysis.horizon import solvable_lengths, success_by_length
from rnnbench.analysis.matched_comparisons import PARAMETERS, WIDTH, Match, matched_comparisons
from rnnbench.report.tables.solvable_lengths import SolvableLengths
from tests.analysis.made import results, table


def at(length: int, *solved: bool) -> list[dict[str, Any]]:
    return [
        {"task.length": length, "solved": flag, "steps_to_solve": 50 if flag else np.nan, "seed": seed}
        for seed, flag in enumerate(solved)
    ]


def test_success_by_length() -> None:
    found = success_by_length(table(*at(10, True, True), *at(20, True, False), *at(40, False, False)))
    assert list(found["length"]) == [10, 20, 40]
    assert [rate.estimate for rate in found["success_rate"]] == [1, 0.5, 0]
    assert found["success_rate"][0].low == pytest.approx(0.025**0.5)  # Clopper & Pearson, 2 of 2


@pytest.mark.parametrize(
    ("rows", "longest", "reaches"),
    [
        ([*at(10, True, True), *at(20, True, False), *at(40, False, False)], 20, False),
        ([*at(10, True, True), *at(20, False, False), *at(40, True, True)], 10, False),
        ([*at(10, False, False), *at(20, True, True)], 0, False),
        ([*at(10, True, True), *at(20, True, True)], 20, True),
    ],
)
def test_longest_solvable_length(rows: list[dict[str, Any]], longest: int, reaches: bool) -> None:
    (row,) = solvable_lengths(table(*rows), np.random.default_rng(0)).to_dict("records")
    assert (row["longest_solvable_length"].estimate, row["at_longest_tested"]) == (longest, reaches)


def sized(cell: str, width: int, parameters: int) -> dict[str, Any]:
    return {"cell": cell, "model.hidden_size": width, "parameters_recurrent_layers": parameters}


def test_equal_width_and_equal_parameters() -> None:
    found = matched_comparisons(
        table(sized("rnn", 8, 100), sized("gru", 8, 300), sized("rnn", 15, 306), sized("lstm", 8, 400),
              sized("lstm", 6, 297))
    )  # fmt: skip
    of_parameters, of_width = Match(PARAMETERS, 301), Match(WIDTH, 8)
    assert set(found) == {of_width, of_parameters}
    assert sorted(found[of_parameters][PARAMETERS]) == [297, 300, 306]
    assert sorted(found[of_width][PARAMETERS]) == [100, 300, 400]


def test_lengths_are_told_with_the_budget_and_where_all_runs_agree() -> None:
    made = results(*at(10, True, True), *at(20, False, False), **{"train.steps": 6000})
    (cells,) = SolvableLengths().formatted(SolvableLengths().rows(made)).to_dict("records")
    assert (cells["longest solvable length"], cells["within"]) == ("10 (all runs agree)", "6,000 steps")
    split = results(*at(10, True, True), *at(20, True, False), **{"train.steps": 6000})
    (cells,) = SolvableLengths().formatted(SolvableLengths().rows(split)).to_dict("records")
    assert cells["longest solvable length"] == "≥ 20 [10, 20]"


def test_longest_length_of_a_softer_milestone() -> None:
    runs = [run | {"steps_to_half": 30 if run["task.length"] == 10 else np.nan} for run in at(10, False, False)]
    made = table(*runs, *at(20, False, False))
    (row,) = solvable_lengths(made, np.random.default_rng(0), "half").to_dict("records")
    assert (row["longest_solvable_length"].estimate, row["milestone"]) == (10, "half")
