"""A run's variant: the settings in which it differs from the other runs of its cell and task."""

import math
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from rnnbench.schema import is_setting

SettingValue = bool | int | float | str | None
Typed = tuple[str, SettingValue]
"""A value with what it is: to Python 1 equals true."""


@dataclass(frozen=True, order=True)
class Variant:
    """Settings by dotted name with their values, None for a setting that is not set; empty when nothing differs.

    Variants are ordered by these values in turn, as `value_order` has them.
    """

    settings: tuple[tuple[str, SettingValue], ...] = field(default=(), compare=False)
    key: tuple[Any, ...] = field(init=False, repr=False)
    """What it is compared by."""

    def __post_init__(self) -> None:
        key = tuple((name, value_order(value), typed_value(value)) for name, value in self.settings)
        object.__setattr__(self, "key", key)

    def __bool__(self) -> bool:
        return bool(self.settings)


def typed_value(value: Any) -> Typed:
    """A key that keeps values of different types apart, but for whole and other numbers; NaN is null."""
    plain = _plain(value)
    if plain is None:
        return "", None
    return (type(plain).__name__ if isinstance(plain, bool | str) else "number"), plain


def value_order(value: SettingValue) -> tuple[int, float, str]:
    """A key that sorts values of settings of any type: numbers by size, then text, numbers in it by size, then None."""
    if value is None:
        return 2, 0.0, ""
    if isinstance(value, str):
        return 1, 0.0, re.sub(r"\d+", lambda number: number[0].rjust(20, "0"), value)
    return 0, float(value), ""


def setting_columns(runs: pd.DataFrame) -> list[str]:
    """The columns that are settings, but for those that the difficulty of the tasks says all of."""
    apart = {column for column in difficulty_columns(runs) if _says_all(runs, column)}
    return [name for name in map(str, runs) if is_setting(name) and name not in apart]


def difficulty_columns(runs: pd.DataFrame) -> list[str]:
    """The settings that make the runs' tasks harder, such as task.length."""
    return [column for name in runs["difficulty_setting"].unique() if (column := f"task.{name}") in runs]


def _says_all(runs: pd.DataFrame, column: str) -> bool:
    """Whether `difficulty` tells all values of its setting apart; it does not where files have one name."""
    values = runs[column].map(typed_value) if runs[column].dtype == object else runs[column]
    groups = values.groupby([runs["task"], runs["difficulty"].map(typed_value)], sort=False)
    return bool((groups.nunique(dropna=False) <= 1).all())


def variants(runs: pd.DataFrame, ignored: Sequence[str] = ()) -> list[Variant]:
    """For each run the settings that differ among the runs of its cell and task, but for those in `ignored`."""
    settings = [column for column in setting_columns(runs) if column not in ignored]
    typed = runs.assign(
        **{column: runs[column].map(typed_value) for column in settings if runs[column].dtype == object}
    )
    found: dict[Hashable, Variant] = {}
    for _, group in typed.groupby(["cell", "task"]):
        varying = [column for column in settings if group[column].nunique(dropna=False) > 1]
        rows = runs.loc[group.index, varying].to_dict("index")
        for index, row in rows.items():
            found[index] = Variant(tuple((str(name), _plain(value)) for name, value in row.items()))
    return [found[index] for index in runs.index]


def _plain(value: Any) -> SettingValue:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    plain: SettingValue = value.item() if hasattr(value, "item") else value
    return plain
