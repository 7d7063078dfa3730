"""Success against length, the longest length solved, matched comparisons, and other lengths, by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.archive import RunFolders
from rnnbench.analysis.cell_pairs import PARAMETERS, WIDTH, Match, matched_comparisons
from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.lengths import longest_solvable_length, other_lengths, solvable_lengths
from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.analysis.variant import Variant
from rnnbench.errors import SettingError
from rnnbench.report.figures.other_lengths import OtherLengths as Figure
from rnnbench.report.style import CellStyles
from rnnbench.report.tables.other_lengths import OtherLengths
from rnnbench.schema import ExperimentFiles
from tests.analysis.made import binomial_error, table


def longest(outcomes: dict[int, list[bool]], generator: np.random.Generator) -> Interval:
    lengths = [length for length, runs in outcomes.items() for _ in runs]
    solved = [each for runs in outcomes.values() for each in runs]
    return longest_solvable_length(np.array(lengths, dtype=float), np.array(solved, dtype=bool), generator)


def test_the_interval_of_the_longest_length_covers_from_five_runs_on() -> None:
    # The fraction that solves falls through one half between 40 and 80. Lengths are few: coverage above nominal.
    generator = np.random.default_rng(23)
    rates, repeats, covered = {10: 0.95, 20: 0.85, 40: 0.65, 80: 0.35, 160: 0.15, 320: 0.05}, 200, 0
    for _ in range(repeats):
        result = longest({length: list(generator.random(5) < rate) for length, rate in rates.items()}, generator)
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
        # Half solve length 20, none 40; 80 comes after a gap and does not count. Resampled, length 20 has 2, 1 or 0
        # successes with probability 1/4, 1/2, 1/4, so the result is 20 in 3/4 of the resamples and 10 in 1/4.
        ([*at(80, True, True), *at(10, True, True), *at(40, False, False), *at(20, True, False)],
         Interval(20, 10, 20), False),
        (at(10, *[False] * 5), Interval(0, 0, 0), False),
        ([*at(10, *[True] * 5), *at(20, *[True] * 5)], Interval(20, 20, 20), True),
    ],
)  # fmt: skip
def test_longest_lengths_by_hand(rows: list[dict[str, Any]], longest: Interval, reaches: bool) -> None:
    (row,) = solvable_lengths(table(*rows), np.random.default_rng(0)).to_dict("records")
    assert (row["longest_solvable_length"], row["at_longest_tested"]) == (longest, reaches)


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


def run(cell: str, seed: int, status: str = "done", **values: Any) -> dict[str, Any]:
    return {
        "run": f"{cell}-{seed}", "task": "parity", "difficulty_setting": "length", "difficulty": "1..40", "cell": cell,
        "variant": Variant(()), "seed": seed, "status": status, "measure": "accuracy", **values,
    }  # fmt: skip


def values_at(length: str, loss: float, accuracy: float, baseline: float = 0.7) -> dict[str, float]:
    return {f"test_loss{length}": loss, f"test_accuracy{length}": accuracy, f"test_baseline_loss{length}": baseline}


OF_GRU = [
    values_at("", loss, 1.0) | values_at("_at_100", 2 * loss, 1 - loss) | values_at("_at_30", loss / 2, 0.9)
    for loss in (0.3, 0.1, 0.2, 0.5, 0.4)
]
RUNS = [
    *(run("gru", seed, **values) for seed, values in enumerate(OF_GRU)),
    run("gru", 5, "diverged"),
    run("rnn", 0, **values_at("", 0.6, 0.5), **values_at("_at_100", 0.7, 0.25)),
    run("lstm", 0, **values_at("", 0.6, 0.5)),
]


def test_rows_by_hand() -> None:
    table = other_lengths(pd.DataFrame(RUNS))
    assert table[["cell", "length", "is_trained", "runs", "of_runs"]].to_numpy().tolist() == [
        ["gru", 30, False, 5, 6],
        ["gru", 40, True, 5, 6],
        ["gru", 100, False, 5, 6],
        ["rnn", 40, True, 1, 1],
        ["rnn", 100, False, 1, 1],
    ]
    beyond = table.iloc[2]
    assert (beyond["loss"].estimate, beyond["loss"].low, beyond["loss"].high) == pytest.approx((0.6, 0.2, 1.0))
    assert (beyond["loss_lowest"], beyond["loss_highest"], beyond["baseline_loss"]) == pytest.approx((0.2, 1.0, 0.7))
    assert (beyond["measured"].estimate, beyond["measured_best"]) == pytest.approx((0.7, 0.9))
    assert np.isnan(table.iloc[4]["loss"].low)


@pytest.mark.parametrize("chosen", [slice(7, None), slice(5, 6)], ids=["none was evaluated there", "none was tested"])
def test_runs_without_other_lengths(chosen: slice) -> None:
    with pytest.raises(SettingError, match=r"add evaluation\.lengths=\[200,400\]"):
        other_lengths(pd.DataFrame(RUNS)[chosen])


def trained_on(setting: str, difficulty: Any) -> dict[str, Any]:
    values = values_at("", 0.5, 0.8) | values_at("_at_40", 0.3, 0.9) | values_at("_at_100", 0.6, 0.7)
    return run("gru", 0, **values) | {"difficulty_setting": setting, "difficulty": difficulty}


@pytest.mark.parametrize(
    ("setting", "difficulty", "rows", "line"),
    [
        ("length", 40, [["40", 0.5], ["100", 0.6]], [[40, 0.8], [100, 0.7]]),
        ("length", "1..40", [["40", 0.3], ["1..40", 0.5], ["100", 0.6]], [[40, 0.9], [100, 0.7]]),
        ("path", "40", [["test data", 0.5], ["40", 0.3], ["100", 0.6]], [[40, 0.9], [100, 0.7]]),
        ("path", "mine", [["test data", 0.5], ["40", 0.3], ["100", 0.6]], [[40, 0.9], [100, 0.7]]),
    ],
)
def test_the_trained_length_and_data_without_one(
    tmp_path: Path, setting: str, difficulty: Any, rows: list[Any], line: list[Any]
) -> None:
    runs = pd.DataFrame([trained_on(setting, difficulty)])
    results = Results("mine", tmp_path, runs, RunFolders(ExperimentFiles(tmp_path)))
    table = OtherLengths()
    computed = table.compute_rows(results).to_dict("records")
    found = [[table.text(row)["length"], row["loss"].estimate] for row in computed]
    assert found == rows
    canvas = Figure().draw_panels(results, CellStyles(["gru"]))
    assert canvas.axes[0].lines[0].get_xydata().tolist() == line  # type: ignore[union-attr]
    assert bool(canvas.axes[0].patches) == (setting == "length")


def test_lengths_and_ranges_are_sorted_by_their_numbers() -> None:
    ordered: list[Any] = [5, 10, "1..5", "1..40", "2..9"]
    runs = pd.DataFrame([run("gru", seed) | {"difficulty": each} for seed, each in enumerate(reversed(ordered))])
    assert sorted_runs(runs)["difficulty"].tolist() == ordered
