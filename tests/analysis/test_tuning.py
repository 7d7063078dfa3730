"""The choice of a swept setting: each clause of its rule decides once, and test data never do."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnbench.analysis.tuning import SEEN, candidates, choices, next_value, ranked, tune
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
    lost = {"status": ("done", "diverged"), "steps_to_solve": (9, np.nan), "validation_loss": (0.0, np.nan)}
    assert chosen(*runs(0.1, **lost), *runs(0.01, validation_loss=(0.9, 0.9))) == 0.01


def test_then_the_most_that_reached_the_objective() -> None:
    one = runs(0.1, steps_to_solve=(900, np.nan), validation_loss=(0.1, 0.9))
    assert chosen(*one, *runs(0.01, validation_loss=(0.1, 0.1))) == 0.1


def test_then_the_fewest_steps_a_run_that_is_not_there_counting_its_budget() -> None:
    slow = runs(0.1, steps_to_solve=(100, 500), validation_loss=(0.0, 0.0))
    assert chosen(*slow, *runs(0.01, steps_to_solve=(200, 200))) == 0.01
    one = runs(0.1, steps_to_solve=(300, np.nan), validation_loss=(0.0, 0.0))
    assert chosen(*one, *runs(0.01, steps_to_solve=(200, np.nan))) == 0.01


def test_else_the_smallest_mean_loss_on_validation_data() -> None:
    assert chosen(*runs(0.1, validation_loss=(0.1, 0.5)), *runs(0.01, validation_loss=(0.4, 0.4))) == 0.1


def test_of_a_plateau_a_value_inside_the_grid_and_then_the_smallest() -> None:
    assert chosen(*runs(0.1), *runs(0.01)) == 0.01
    assert chosen(*runs(0.1), *runs(0.01), *runs(1.0), *runs(10.0)) == 0.1


def test_the_objective_is_a_setting() -> None:
    """Steps to solve prefer 0.1, those to a milestone 1.0 and the loss 0.01."""
    made = results(
        *runs(0.1, steps_to_solve=(100, 100), steps_to_half=(90, 90), validation_loss=(0.2, 0.2)),
        *runs(1.0, steps_to_solve=(200, 200), steps_to_half=(10, 10), validation_loss=(0.3, 0.3)),
        *runs(0.01, steps_to_solve=(300, 300), steps_to_half=(99, 99), validation_loss=(0.1, 0.1)),
    )
    found = {by: set(tune(made, LR, by=by).runs[LR]) for by in ("steps_to_solve", "steps_to_half", "validation_loss")}
    assert found == {"steps_to_solve": {0.1}, "steps_to_half": {1.0}, "validation_loss": {0.01}}
    with pytest.raises(ValueError, match=r"^tuning\.by=steps_to_quarter:"):
        tune(made, LR, by="steps_to_quarter")


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
    assert tuned.candidates is not None
    assert len(tuned.candidates) == len(made.runs)
    assert len(tuned.runs) == 4
    (found,) = choices(tuned, LR).query("cell == 'gru'").to_dict("records")
    assert (found["tried"], found["runs"], found["steps_trained"]) == ((0.01, 0.1), 4, 4000)
    assert (found["objective"], found["success_at_tried"]) == ("validation_loss", (0, 0))
    assert found["objective_at_tried"] == pytest.approx((0.5, 0.1))
    assert (found["usable_fraction"], found["at_edge"]) == (0.5, True)
    assert (found["tuning_seeds"], found["reported_seeds_apart"]) == ((0, 1), False)


def test_values_are_usable_within_a_factor_of_the_best_steps() -> None:
    steps = {0.01: (300, 300), 0.1: (200, 200), 1.0: (290, 290), 10.0: (210, np.nan)}
    made = results(*(row for rate, taken in steps.items() for row in runs(rate, steps_to_solve=taken)))
    (found,) = choices(made, LR).to_dict("records")
    assert (found["chosen"], found["at_edge"], found["usable_fraction"]) == (0.1, False, 0.75)
    assert found["objective_at_tried"] == (300, 200, 290, 605)
    assert found["success_at_tried"] == (1, 1, 1, 0.5)


def with_reported(rate: float, tuning: Sequence[float], reported: Sequence[float]) -> list[dict[str, Any]]:
    """Runs with these steps to solve: seeds 0 and 1 to tune, 10 and 11 to report."""
    return [{LR: rate, "seed": seed, "steps_to_solve": steps, "solved": True}
            for seed, steps in zip((0, 1, 10, 11), (*tuning, *reported), strict=True)]  # fmt: skip


@pytest.mark.parametrize("reported", [(1, 1), (100, 300), (999, 999)])
@pytest.mark.parametrize("status", ["done", "diverged"])
def test_the_reported_seeds_take_no_part_in_the_choice(reported: tuple[float, float], status: str) -> None:
    rows = [*with_reported(0.1, (100, 100), (500, 500)), *with_reported(0.01, (200, 200), reported)]
    rows = [row | ({"status": status} if row["seed"] >= 10 else {}) for row in rows]
    tuned = tune(results(*rows), LR, seeds=(0, 1))
    assert sorted(tuned.runs["seed"]) == [10, 11]
    assert set(tuned.runs[LR]) == {0.1}
    assert tuned.candidates is not None
    assert set(tuned.candidates["seed"]) == {0, 1}
    (found,) = choices(tuned, LR).to_dict("records")
    assert (found["chosen"], found["objective_at_tried"]) == (0.1, (200, 100))
    assert (found["tuning_seeds"], found["reported_seeds_apart"]) == ((0, 1), True)


def test_a_choice_without_runs_to_report_is_missing() -> None:
    tuned = tune(results(*runs(0.1, steps_to_solve=(1, 1)), *runs(0.01), {LR: 0.01, "seed": 10}), LR, seeds=(0, 1))
    assert tuned.runs.empty
    assert tuned.missing == ["gru adding length=10 optimizer.lr=0.1, all seeds to be reported"]
    with pytest.raises(ValueError, match=r"^tuning\.seeds=\[7\]:"):
        tune(results(*runs(0.1), *runs(0.01)), LR, seeds=(7,))


def beyond(*values: float, best: float) -> float | int | None:
    rows = [row for value in values for row in runs(value, steps_to_solve=(99, 99) if value == best else (100, 100))]
    table = results(*rows).runs
    return next_value(ranked(table, LR, "steps_to_solve"))


def test_a_grid_goes_on_beyond_the_edge_that_was_chosen() -> None:
    usual = (1e-3, 3e-3, 1e-2, 3e-2)
    assert beyond(*usual, best=3e-2) == 0.1
    assert beyond(*usual, 0.1, best=0.1) == 0.3
    assert beyond(*usual, best=1e-3) == 3e-4
    assert beyond(1, 10, 100, best=100) == 1000
    assert (beyond(16, 32, best=32), beyond(16, 32, best=16)) == (64, 8)
    assert (beyond(0.25, 0.5, best=0.5), beyond(0.25, 0.5, best=0.25)) == (1.0, 0.125)


def test_a_grid_does_not_go_on_inside_from_zero_or_where_a_run_was_lost() -> None:
    assert beyond(1e-3, 3e-3, 1e-2, best=3e-3) is None
    assert beyond(0.0, 0.1, best=0.1) is None
    assert beyond(0.1, best=0.1) is None
    assert beyond(1, 2, best=1) is None
    lost = {"status": ("done", "diverged")}
    both = ranked(results(*runs(0.1, **lost), *runs(0.2, **lost)).runs, LR, "steps_to_solve")
    assert next_value(both) is None


def test_a_plateau_does_not_go_on() -> None:
    table = results(*(row for rate in (0.01, 0.1, 1.0) for row in runs(rate, steps_to_solve=(50, 50)))).runs
    assert next_value(ranked(table, LR, "steps_to_solve")) is None


def test_a_setting_that_was_not_swept_is_told() -> None:
    with pytest.raises(ValueError, match=r"^tuned=optimizer\.lr:"):
        candidates(results(*runs(0.1)), LR)
    with pytest.raises(ValueError, match=r"^tuned=model\.layers:"):
        tune(replace(results(*runs(0.1), *runs(0.2))), "model.layers")
