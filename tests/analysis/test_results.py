"""Results of a table of runs that another program trained, and the variants and order of runs."""

import math

import numpy as np
import pandas as pd
import pytest

import rnnbench
from rnnbench.analysis.variant import Variant
from rnnbench.errors import SettingError
from tests.analysis.made import results

RNG = np.random.default_rng(0)


def runs() -> pd.DataFrame:
    """Two cells, five seeds: `b` takes three times the steps of `a` and has ten times its loss."""
    return pd.DataFrame(
        {
            "cell": cell,
            "seed": seed,
            "test_loss": 0.01 * scale * (1 + 0.1 * seed),
            "steps_to_solve": (100 + 10 * seed) * (3 if cell == "b" else 1),
            "steps_trained": 1000,
        }
        for cell, scale in (("a", 1), ("b", 10))
        for seed in range(5)
    )


def test_cells_of_a_table_are_compared() -> None:
    results = rnnbench.results_of(runs())
    rows = rnnbench.comparison(results).set_index("cell")
    assert rows["runs"].tolist() == [5, 5]
    assert rows.loc["a", "steps_to_milestone"].estimate == 120
    (steps,) = rnnbench.steps_comparison(results.runs, RNG).to_dict("records")
    ratio = steps["ratio"].estimate if steps["cell"] == "b" else 1 / steps["ratio"].estimate
    assert ratio == pytest.approx(3, rel=0.2)
    (losses,) = rnnbench.loss_comparison(results.runs, RNG).to_dict("records")
    assert abs(losses["difference"].estimate) == pytest.approx(1)
    alone = rnnbench.comparison(rnnbench.results_of(runs()[["cell", "seed", "test_loss"]]))
    assert alone["success_rate"].map(lambda rate: np.isnan(rate.estimate)).all()


def test_settings_are_variants_and_difficulties_strata() -> None:
    both = pd.concat([runs().assign(difficulty=10, **{"optimizer.lr": 0.1}),
                      runs().assign(difficulty=20, **{"optimizer.lr": 0.2})])  # fmt: skip
    assert rnnbench.results_of(both).runs["variant"].nunique() == 2
    rows = rnnbench.steps_comparison(rnnbench.results_of(both.drop(columns="optimizer.lr")).runs, RNG)
    assert rows["difficulty"].tolist() == [10, 20, "all lengths"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="seed"), "needs the column 'seed'"),
        (lambda table: table.drop(columns="steps_trained"), "'steps_trained'"),
        (lambda table: table.assign(test_loss="low"), "test_loss: Unable to parse string"),
        (lambda table: table.assign(seed=0), r"is there 5 times \(row0, row1, row2"),
    ],
)
def test_what_is_missing_or_wrong_is_named(change: object, message: str) -> None:
    assert callable(change)
    with pytest.raises(SettingError, match=message):
        rnnbench.results_of(change(runs()))


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
