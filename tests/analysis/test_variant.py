"""Variants: the settings in which runs differ, and the order of runs by value."""

import math

from rnnbench.analysis.variant import Variant
from tests.analysis.made import results


def test_a_variant_holds_what_differs_within_a_cell_and_task() -> None:
    made = results(
        {"cell": "gru", "optimizer.lr": 1e-3, "model.layers": 1, "threads": 1},
        {"cell": "gru", "optimizer.lr": 1e-2, "model.layers": 1, "threads": 1},
        {"cell": "rnn", "optimizer.lr": 1e-2, "model.layers": 2, "threads": 1},
    )
    assert dict(zip(made.runs["run"], made.runs["variant"], strict=True)) == {
        "run0": Variant((("optimizer.lr", 0.001),)), "run1": Variant((("optimizer.lr", 0.01),)), "run2": Variant(),
    }  # fmt: skip


def test_runs_are_ordered_by_value_and_not_by_text() -> None:
    rows = [{"task.length": length, "optimizer.lr": rate} for length in (100, 20) for rate in (0.03, 0.001, 10.0)]
    made = results(*rows, {"task.length": 100, "optimizer.lr": math.nan})
    found = list(zip(made.runs["difficulty"], made.runs["optimizer.lr"].fillna(-1), strict=True))
    assert found == [(20, 0.001), (20, 0.03), (20, 10), (100, 0.001), (100, 0.03), (100, 10), (100, -1)]
