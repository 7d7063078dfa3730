"""Every table of the menu, made from a tiny table of runs: its columns, its text, and what it needs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from rnnbench.analysis.loss_scale import SCALE
from rnnbench.analysis.results import Results
from rnnbench.analysis.tuning import tune
from rnnbench.report import Table
from rnnbench.report.tables.rendering import latex, markdown, plain
from rnnbench.report.values import stable_csv, to_columns
from rnnbench.schema import GROUP
from tests.report.tiny import CELLS, DECAY, tiny

NAMES = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "table").glob("*.yaml"))
NEEDS = {
    "claims": "train.steps",
    "paired_differences": "test_loss",
    "comparison": "steps_to_solve",
    "steps_ratio": "steps_to_solve",
    "scores": "test_loss",
    "solvable_lengths": "solved",
    "speed": "pass_steps",
}


def table(name: str) -> Table:
    made: Table = instantiate(OmegaConf.load(Path(__file__).parents[2] / "conf" / "table" / f"{name}.yaml"))
    return made


def results_for(name: str) -> Results:
    return tune(tiny("optimizer.lr"), "optimizer.lr") if name == "tuned_settings" else tiny()


def rows(name: str) -> pd.DataFrame:
    return table(name).rows(results_for(name))


@pytest.mark.parametrize("name", NAMES)
def test_table_of_the_menu(name: str) -> None:
    made = table(name)
    found = rows(name)
    assert set(made.columns) - {SCALE} <= set(found.columns)
    extra = set(found.columns) - set(made.columns)
    assert extra <= {*GROUP, "other_cell", "other_variant"}, "a column without a description"
    assert to_columns(found).map(lambda value: isinstance(value, str | float | int)).to_numpy().all()
    formatted = made.formatted(found)
    assert formatted.map(lambda text: isinstance(text, str)).to_numpy().all()
    assert not formatted.map(lambda text: "nan" in text.split()).to_numpy().any()
    for text in (plain(made.formatted_brief(found)), markdown(formatted)):
        assert all(str(heading) in text for heading in made.formatted_brief(found))
    assert r"\begin{tabular}" in latex(formatted)


@pytest.mark.parametrize(("name", "column"), NEEDS.items())
def test_table_names_the_column_it_lacks(name: str, column: str) -> None:
    results = tiny()
    results = replace(results, runs=results.runs.drop(columns=column))
    with pytest.raises(ValueError, match=f"^{type(table(name)).__name__}: .*needs the column '{column}'"):
        table(name).rows(results)


def by_cell(name: str, **where: Any) -> pd.DataFrame:
    found = rows(name)
    for column, value in where.items():
        found = found[found[column] == value]
    return found.set_index("cell")


def test_decays_of_exact_exponentials() -> None:
    found = by_cell("gradient_decay", difficulty=10)
    for cell in CELLS:
        assert found.loc[cell, "decay_initial"].estimate == pytest.approx(DECAY[cell])
        assert found.loc[cell, "r_squared_initial"].estimate == pytest.approx(1)


def test_longest_lengths() -> None:
    found = by_cell("solvable_lengths")
    assert {cell: reach.estimate for cell, reach in found["longest_solvable_length"].items()} == {
        "rnn": 0,
        "lstm": 10,
        "gru": 20,
    }
    assert dict(found["at_longest_tested"]) == {"rnn": False, "lstm": False, "gru": True}


def test_choice_of_the_rate() -> None:
    found = by_cell("tuned_settings", difficulty=20)
    assert dict(found["chosen"]) == {"rnn": 0.01, "lstm": 0.01, "gru": 0.01}
    assert set(found["runs"]) == {6}


def test_speed_ratios() -> None:
    found = rows("speed")
    fused = found[(found["implementation"] == "fused") & (found["cell"] == "gru")].iloc[0]
    assert (fused["time_over_torch_mm"], fused["speedup_over_torch_nn"], fused["time_over_lstm"]) == (0.5, 4.0, 1.0)


def test_csv_is_the_same_text_whatever_the_last_bits() -> None:
    values = np.array([1 / 3, 1e-300 / 7, -2e9 / 3, 12_345_678_901.0, np.inf])
    text = stable_csv(pd.DataFrame({"x": values, "n": range(5)}))
    assert text.split() == ["x,n", "0.33333333,0", "1.4285714e-301,1", "-666666670.0,2", "12345678901.0,3", "inf,4"]
    for factor in (1 - 1e-11, 1 + 1e-11):
        others = values * np.array([factor, factor, factor, 1, 1])
        assert stable_csv(pd.DataFrame({"x": others, "n": range(5)})) == text
