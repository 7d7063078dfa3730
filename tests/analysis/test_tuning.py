"""The choice of a swept setting: each clause of its rule decides once, and test data never do."""

import math
from collections.abc import Sequence
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


LOST = {"status": ("done", "diverged"), "steps_to_solve": (9, np.nan), "validation_loss": (0.0, np.nan)}
ALL_LOST = {"status": ("diverged", "diverged"), "validation_loss": (np.nan, np.nan)}


def losses(*values: float) -> dict[str, Any]:
    return {"validation_loss": values}


def steps(*values: float, loss: float = 0.0) -> dict[str, Any]:
    return {"steps_to_solve": values, "validation_loss": (loss, loss)}


CLAUSES: dict[str, tuple[dict[float, dict[str, Any]], float]] = {
    "the fewest lost": ({0.1: LOST, 0.01: losses(0.9, 0.9)}, 0.01),
    "the most that reached it": ({0.1: steps(900, np.nan, loss=0.9), 0.01: losses(0.1, 0.1)}, 0.1),
    "the fewest steps": ({0.1: steps(100, 500), 0.01: steps(200, 200, loss=0.5)}, 0.01),
    "a run that is not there counts its budget": ({0.1: steps(300, np.nan), 0.01: steps(200, np.nan, loss=0.5)}, 0.01),
    "the smallest loss": ({0.1: losses(0.1, 0.5), 0.01: losses(0.4, 0.4)}, 0.1),
    "the smallest": ({0.1: {}, 0.01: {}}, 0.01),
    "inside the grid": ({0.1: {}, 0.01: {}, 1.0: {}, 10.0: {}}, 0.1),
    "all are lost": ({0.1: ALL_LOST, 1.0: ALL_LOST}, 0.1),
}


@pytest.mark.parametrize("clause", CLAUSES)
def test_each_clause_decides_once(clause: str) -> None:
    columns, value = CLAUSES[clause]
    assert chosen(*(row for rate, of_rate in columns.items() for row in runs(rate, **of_rate))) == value


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


USUAL = (1e-3, 3e-3, 1e-2, 3e-2)


@pytest.mark.parametrize(
    ("values", "best", "expected"),
    [
        (USUAL, 3e-2, 0.1),
        (USUAL, 1e-3, 3e-4),
        (USUAL, 3e-3, None),  # inside the grid
        ((0.0, 0.1), 0.1, None),
        ((1, 2), 1, None),
        (USUAL, math.nan, None),  # a plateau
    ],
)
def test_a_grid_continues_beyond_the_edge_that_was_chosen(
    values: tuple[float, ...], best: float, expected: float | None
) -> None:
    rows = [row for value in values for row in runs(value, steps_to_solve=(99, 99) if value == best else (100, 100))]
    assert next_value(ranked(results(*rows).runs, LR, "steps_to_solve")) == expected
