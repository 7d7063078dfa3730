"""Success against length, the longest length solved and matched comparisons, by hand."""

from typing import Any

import numpy as np
import pytest

from rnnbench.analysis.cell_pairs import PARAMETERS, WIDTH, Match, matched_comparisons
from rnnbench.analysis.horizon import longest_solvable_length, solvable_lengths
from rnnbench.analysis.intervals import Interval
from tests.analysis.made import table
from tests.analysis.two_groups import binomial_error


def longest(outcomes: dict[int, list[bool]], generator: np.random.Generator, resamples: int = 2000) -> Interval:
    lengths = [length for length, runs in outcomes.items() for _ in runs]
    solved = [each for runs in outcomes.values() for each in runs]
    return longest_solvable_length(np.array(lengths, dtype=float), np.array(solved, dtype=bool), generator, resamples)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        # Half solve length 20, none 40; 80 comes after a gap and does not count. Resampled, length 20 has 2, 1 or 0
        # successes with probability 1/4, 1/2, 1/4, so the result is 20 in 3/4 of the resamples and 10 in 1/4.
        ({80: [True, True], 10: [True, True], 40: [False, False], 20: [True, False]}, Interval(20, 10, 20)),
        ({10: [False] * 5}, Interval(0, 0, 0)),
        ({10: [True] * 5, 20: [True] * 5}, Interval(20, 20, 20)),
    ],
)
def test_longest_solvable_length_by_hand(outcomes: dict[int, list[bool]], expected: Interval) -> None:
    assert longest(outcomes, np.random.default_rng(0)) == expected


def test_the_interval_of_the_longest_length_covers_from_five_runs_on() -> None:
    # The fraction that solves falls through one half between 40 and 80. Lengths are few: coverage above nominal.
    generator = np.random.default_rng(23)
    rates, repeats, covered = {10: 0.95, 20: 0.85, 40: 0.65, 80: 0.35, 160: 0.15, 320: 0.05}, 200, 0
    for _ in range(repeats):
        result = longest({length: list(generator.random(5) < rate) for length, rate in rates.items()}, generator, 500)
        covered += result.low <= 40 <= result.high
    assert covered / repeats >= 0.95 - binomial_error(0.95, repeats)


def at(length: int, *solved: bool) -> list[dict[str, Any]]:
    return [
        {"task.length": length, "solved": flag, "steps_to_solve": 50 if flag else np.nan, "seed": seed}
        for seed, flag in enumerate(solved)
    ]


@pytest.mark.parametrize(
    ("rows", "longest", "reaches"),
    [
        ([*at(10, True, True), *at(20, True, False), *at(40, False, False)], 20, False),
        ([*at(10, True, True), *at(20, False, False), *at(40, True, True)], 10, False),
        ([*at(10, True, True), *at(20, True, True)], 20, True),
    ],
)
def test_table_of_longest_lengths(rows: list[dict[str, Any]], longest: int, reaches: bool) -> None:
    (row,) = solvable_lengths(table(*rows), np.random.default_rng(0)).to_dict("records")
    assert (row["longest_solvable_length"].estimate, row["at_longest_tested"]) == (longest, reaches)


def test_longest_length_of_a_softer_milestone() -> None:
    runs = [run | {"steps_to_half": 30 if run["task.length"] == 10 else np.nan} for run in at(10, False, False)]
    (row,) = solvable_lengths(table(*runs, *at(20, False, False)), np.random.default_rng(0), "half").to_dict("records")
    assert (row["longest_solvable_length"].estimate, row["milestone"]) == (10, "half")


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
