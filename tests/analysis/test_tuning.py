"""The choice of a swept setting: each clause of its rule decides once, and test data never do."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnbench.analysis.tuning import SEEN, candidates, choices, tune
from rnnbench.analysis.variant import Variant
from tests.analysis.made import results

LR = "optimizer.lr"


def runs(lr: float, **columns: Sequence[Any]) -> list[dict[str, Any]]:
    """Two runs at a rate, seeds 0 and 1, with these two values in each column."""
    return [{LR: lr, "seed": seed} | {name: values[seed] for name, values in columns.items()} for seed in (0, 1)]


def chosen(*rows: dict[str, Any]) -> float:
    table = candidates(results(*rows), LR)
    (value,) = table[table["chosen"]]["value"]
    return float(value)


def test_first_the_fewest_lost() -> None:
    lost = {"status": ("done", "diverged"), "solved": (True, False), "validation_loss": (0.0, np.nan)}
    assert chosen(*runs(0.1, **lost), *runs(0.01, validation_loss=(0.9, 0.9))) == 0.01


def test_then_the_most_solved() -> None:
    one = runs(0.1, solved=(True, False), validation_loss=(0.1, 0.9))
    assert chosen(*one, *runs(0.01, validation_loss=(0.1, 0.1))) == 0.1


def test_then_the_fewest_steps_where_all_solved() -> None:
    slow = runs(0.1, solved=(True, True), steps_to_solve=(100, 500), validation_loss=(0.0, 0.0))
    assert chosen(*slow, *runs(0.01, solved=(True, True), steps_to_solve=(200, 200))) == 0.01


def test_else_the_smallest_mean_loss_on_validation_data() -> None:
    assert chosen(*runs(0.1, validation_loss=(0.1, 0.5)), *runs(0.01, validation_loss=(0.4, 0.4))) == 0.1


def test_then_the_smallest_value() -> None:
    assert chosen(*runs(0.1), *runs(0.01), *runs(1.0)) == 0.01


def test_where_all_are_lost_one_is_chosen_all_the_same() -> None:
    lost = {"status": ("diverged", "diverged"), "validation_loss": (np.nan, np.nan)}
    assert chosen(*runs(0.1, **lost), *runs(1.0, **lost)) == 0.1


def test_test_data_take_no_part() -> None:
    rows = [*runs(0.1, validation_loss=(0.1, 0.2)), *runs(0.01, validation_loss=(0.4, 0.4))]
    assert not [column for column in SEEN if "test" in column]
    for losses in ((9.0, 0.0), (0.0, 9.0)):
        of_rate = dict(zip((0.1, 0.01), losses, strict=True))
        assert chosen(*({**row, "test_loss": of_rate[row[LR]]} for row in rows)) == 0.1


def test_each_cell_and_task_has_its_own() -> None:
    made = results(
        *({**row, "cell": "gru"} for row in [*runs(0.1, validation_loss=(0.1, 0.1)), *runs(0.01)]),
        *({**row, "cell": "rnn"} for row in [*runs(0.1), *runs(0.01, validation_loss=(0.1, 0.1))]),
    )
    tuned = tune(made, LR)
    assert dict(tuned.runs.groupby("cell")[LR].first()) == {"gru": 0.1, "rnn": 0.01}
    assert set(tuned.runs["variant"]) == {Variant()}
    assert tuned.candidates is made.runs
    assert len(tuned.runs) == 4
    found = choices(tuned, LR).set_index("cell")
    assert (found.loc["gru", "tried"], found.loc["gru", "runs"], found.loc["gru", "steps_trained"]) == (
        (0.01, 0.1),
        4,
        4000,
    )
    assert found.loc["gru", "validation_score"] == pytest.approx(0.9)
    assert found.loc["gru", "worst_validation_score"] == pytest.approx(0.5)
    assert found.loc["gru", "usable_fraction"] == 0.5


def test_a_setting_that_was_not_swept_is_told() -> None:
    with pytest.raises(ValueError, match=r"^tuned=optimizer\.lr: the runs do not differ in it"):
        candidates(results(*runs(0.1)), LR)
    with pytest.raises(ValueError, match=r"^tuned=model\.layers: the runs do not differ"):
        tune(replace(results(*runs(0.1), *runs(0.2))), "model.layers")
