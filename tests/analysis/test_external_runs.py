"""Results of a table of runs that another program trained."""

import numpy as np
import pandas as pd
import pytest

import rnnbench
from rnnbench.errors import SettingError

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


def test_histories_are_those_given() -> None:
    table = runs().assign(run=[f"run{number}" for number in range(10)])
    histories = pd.DataFrame({"run": ["run0", "run0"], "step": [0, 1], "validation_loss": [1.0, 0.5]})
    found = rnnbench.results_of(table, histories).histories()
    assert found["validation_loss"].tolist() == [1.0, 0.5]
    assert set(found["cell"]) == {"a"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="seed"), "needs the column 'seed'"),
        (lambda table: table.drop(columns="steps_trained"), "'steps_trained'"),
        (lambda table: table.assign(test_loss="low"), "test_loss: Unable to parse string"),
        (lambda table: table.assign(seed=0), "is there twice"),
    ],
)
def test_what_is_missing_or_wrong_is_named(change: object, message: str) -> None:
    assert callable(change)
    with pytest.raises(SettingError, match=message):
        rnnbench.results_of(change(runs()))
