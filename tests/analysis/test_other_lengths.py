"""The table of other lengths, by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.other_lengths import other_lengths
from rnnbench.analysis.variant import Variant
from rnnbench.errors import SettingError


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


def test_runs_without_other_lengths() -> None:
    with pytest.raises(SettingError, match=r"add evaluation\.lengths=\[200,400\]"):
        other_lengths(pd.DataFrame([run("gru", 0, **at("", 0.5, 1.0))]))
