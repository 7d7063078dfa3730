"""Every table of the menu, made from a tiny table of runs: its columns, its text, and what it needs."""

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.loss_comparison import SCALE
from rnnbench.analysis.results import Results
from rnnbench.analysis.tuning import tune
from rnnbench.report import Table
from rnnbench.report.tables.rendering import markdown, narrow, plain, stable_csv, to_columns
from rnnbench.schema import GROUP
from tests.report.tiny import component, menu, tiny

NAMES = [name for name in menu("table") if name != "published"]
"""Without that of a paper's numbers, which an experiment gives it (tests/analysis/test_published.py)."""


def table(name: str) -> Table:
    made: Table = component("table", name)
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
    assert all(str(heading) in markdown(formatted) for heading in formatted)
    for letters in (80, 120):
        assert max(map(len, plain(formatted, letters).splitlines())) <= letters


def test_csv_is_the_same_text_whatever_the_last_bits() -> None:
    values = np.array([1 / 3, 1e-300 / 7, -2e9 / 3, 12_345_678_901.0, np.inf])
    text = stable_csv(pd.DataFrame({"x": values, "n": range(5)}))
    assert text.split() == ["x,n", "0.33333333,0", "1.4285714e-301,1", "-666666670.0,2", "12345678901.0,3", "inf,4"]
    for factor in (1 - 1e-11, 1 + 1e-11):
        others = values * np.array([factor, factor, factor, 1, 1])
        assert stable_csv(pd.DataFrame({"x": others, "n": range(5)})) == text


def test_narrow_shows_the_first_columns_that_fit_and_says_once_what_is_the_same() -> None:
    table = pd.DataFrame({
        "task": ["adding, length 20", "adding, all lengths"], "cell": ["gru", "gru"], "solved": ["5/5", "4/5"],
        "test loss": ["0.100 [0.0500, 0.200]", "0.200 [0.1, 0.4]"], "much": ["x" * 30, "y" * 30],
        "steps": [">600", "70"],
    })  # fmt: skip
    found = narrow(table, 36)
    assert list(found.table) == ["length", "solved", "test loss", "steps"]
    assert found.table["length"].tolist() == ["20", "all"]
    assert found.table["test loss"].tolist() == ["0.100", "0.200"]  # with bounds it would not fit
    assert found.same == {"task": "adding", "cell": "gru"}
    assert found.left_out == ["test loss", "much"]
    assert found.others["test loss"].tolist() == table["test loss"].tolist()
    assert narrow(table, 200).left_out == []
    one = narrow(table.iloc[:1].drop(columns="much"), 80)  # of one row all is the same, and shown
    assert list(one.table) == list(table.columns.drop("much"))
