"""Tables of values as plain columns of numbers and text, for CSV and for drawing."""

import math
from typing import Any

import pandas as pd

from rnnbench.analysis.intervals import Interval, Quartiles
from rnnbench.analysis.variant import Variant
from rnnbench.schema import override_text

DESCRIPTION = """A variant is the settings in which these
runs differ from others of their cell and task, as overrides of a command line: `model.layers=2 optimizer.lr=0.01`.
An interval `x` has the columns `x`, `x_low` and `x_high`, the estimate and its 95% bounds over seeds; quartiles `x`
have `x`, the median, `x_lower_quartile` and `x_upper_quartile`."""

ENDS: dict[type, dict[str, str]] = {
    Interval: {"": "estimate", "_low": "low", "_high": "high"},
    Quartiles: {"": "median", "_lower_quartile": "first", "_upper_quartile": "third"},
}
"""By the type of a column's values: the ends of the names of its plain columns, with the field that each takes."""

SIGNIFICANT_DIGITS = 8


def to_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The table with columns of numbers and text alone, as DESCRIPTION says; a tuple of numbers becomes text."""
    columns: dict[str, list[Any]] = {}
    for name in map(str, table):
        values = table[name].tolist()
        kind = type(values[0]) if values else object
        if kind in ENDS:
            columns |= {
                f"{name}{end}": [getattr(value, field) for value in values] for end, field in ENDS[kind].items()
            }
        elif kind is Variant:
            columns[name] = [overrides(value) for value in values]
        elif kind is tuple:
            columns[name] = [" ".join(f"{number:g}" for number in value) for value in values]
        else:
            columns[name] = values
    return pd.DataFrame(columns)


def stable_csv(table: pd.DataFrame) -> str:
    """The columns as CSV, fractions to SIGNIFICANT_DIGITS: later ones differ from one processor to the next."""
    return to_columns(table).map(_rounded).to_csv(index=False)


def _rounded(value: Any) -> Any:
    """A float as the nearest one with that many digits; a whole number, such as a count, is left as it is."""
    if not isinstance(value, float) or not math.isfinite(value) or value.is_integer():
        return value
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def overrides(variant: Variant) -> str:
    """The variant as the overrides of a command line, separated by spaces."""
    return " ".join(f"{name}={override_text(value)}" for name, value in variant.settings)
