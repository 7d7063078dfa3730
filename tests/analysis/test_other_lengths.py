"""The table and figure of other lengths, by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.archive import RunFolders
from rnnbench.analysis.other_lengths import other_lengths
from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.analysis.variant import Variant
from rnnbench.errors import SettingError
from rnnbench.report.figures.other_lengths import OtherLengths as Figure
from rnnbench.report.style import CellStyles
from rnnbench.report.tables.other_lengths import OtherLengths
from rnnbench.schema import ExperimentFiles


def run(cell: str, seed: int, status: str = "done", **values: Any) -> dict[str, Any]:
    return {
        "run": f"{cell}-{seed}", "task": "parity", "difficulty_setting": "length", "difficulty": "1..40", "cell": cell,
        "variant": Variant(()), "seed": seed, "status": status, "measure": "accuracy", **values,
    }  # fmt: skip


def at(length: str, loss: float, accuracy: float, baseline: float = 0.7) -> dict[str, float]:
    return {f"test_loss{length}": loss, f"test_accuracy{length}": accuracy, f"test_baseline_loss{length}": baseline}


RUNS = [
    *(
        run("gru", seed, **at("", loss, 1.0), **at("_at_100", 2 * loss, 1 - loss), **at("_at_30", loss / 2, 0.9))
        for seed, loss in enumerate([0.3, 0.1, 0.2, 0.5, 0.4])
    ),
    run("gru", 5, "diverged"),
    run("rnn", 0, **at("", 0.6, 0.5), **at("_at_100", 0.7, 0.25)),
    run("lstm", 0, **at("", 0.6, 0.5)),
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
    values = at("", 0.5, 0.8) | at("_at_40", 0.3, 0.9) | at("_at_100", 0.6, 0.7)
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
