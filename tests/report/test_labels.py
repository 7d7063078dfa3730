"""Text for values, and tables of values as columns of numbers and text."""

import math

import pandas as pd
import pytest

from rnnbench.analysis.intervals import UNDEFINED, Interval, Quartiles
from rnnbench.analysis.variant import Variant
from rnnbench.report.labels import bounds, cell_label, interval, number, task_title, variant_label
from rnnbench.report.values import overrides, to_columns

VARIANT = Variant((("model.initialisation", "orthogonal"), ("model.recurrent_gain", 2.0), ("optimizer.lr", 1e-3)))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0012345, "0.00123"), (1234.5, "1,234"), (math.inf, "∞"), (-math.inf, "-∞"), (math.nan, "–"), ("x", "–")],
)
def test_number(value: object, text: str) -> None:
    assert number(value) == text


def test_interval_with_its_bounds() -> None:
    assert interval(Interval(0.5, 0.25, math.inf), scale=1e3) == "500 [250, ∞]"
    assert interval(Interval(0.5)) == "0.5"
    assert bounds(UNDEFINED) == ""
    assert interval(Quartiles(1, 2, 3)) == "2 [1, 3]"


@pytest.mark.parametrize(
    ("setting", "value", "title"),
    [
        ("length", 20, "hochreiter adding, length 20"),
        ("permuted", True, "hochreiter adding, permuted True"),
        ("path", "JSB_Chorales", "hochreiter adding, JSB_Chorales"),
        ("length", "", "hochreiter adding"),
    ],
)
def test_title_of_a_task(setting: str, value: object, title: str) -> None:
    row = {"task": "hochreiter_adding", "difficulty_setting": setting, "difficulty": value}
    assert task_title(row) == title


def test_label_of_a_variant() -> None:
    assert variant_label(VARIANT) == "initialisation=orthogonal, recurrent_gain=2, lr=0.001"
    assert variant_label(VARIANT, brief=True) == "orthogonal, gain=2, lr=0.001"
    assert cell_label("gru", Variant()) == "gru"
    assert cell_label("gru", Variant((("model.layers", None),))) == "gru, layers=none"


def test_settings_of_the_same_last_name_keep_their_groups() -> None:
    assert variant_label(Variant((("cell.bias", True), ("probes.bias", 2)))) == "cell.bias=True, probes.bias=2"


def test_values_become_columns_of_numbers_and_text() -> None:
    rows = [
        {"cell": "gru", "score": Interval(0.5, 0.25, 0.75), "pass_s": Quartiles(1, 2, 3), "tried": (0.1, 1.0),
         "variant": VARIANT, "runs": 3},
    ]  # fmt: skip
    expected = {
        "cell": "gru", "score": 0.5, "score_low": 0.25, "score_high": 0.75, "pass_s": 2, "pass_s_lower_quartile": 1,
        "pass_s_upper_quartile": 3, "tried": "0.1 1", "variant": overrides(VARIANT), "runs": 3,
    }  # fmt: skip
    (found,) = to_columns(pd.DataFrame(rows)).to_dict("records")
    assert list(found.items()) == list(expected.items())
