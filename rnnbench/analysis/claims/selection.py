"""The runs that a claim rests on."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rnnbench.analysis.claims.claim import NotMeasuredError
from rnnbench.analysis.matched_comparisons import WIDTH
from rnnbench.analysis.results import Results
from rnnbench.schema import MEASURED


def select(results: Results, conditions: Mapping[str, Any]) -> pd.DataFrame:
    """The measured runs with these values in these columns, a list being any of its values.

    Raises NotMeasuredError when there are none.
    """
    runs = results.runs[results.runs["status"].isin(MEASURED)]
    for column, wanted in conditions.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        if column not in runs:
            raise NotMeasuredError(f"needs the column {column}")
        runs = runs[runs[column].isin(values)]
        if runs.empty:
            raise NotMeasuredError(f"needs runs with {column}={'|'.join(map(str, values))}")
    return runs


def trained_at_one_width(runs: pd.DataFrame) -> pd.DataFrame:
    """The trained runs of the width that all cells have; of several, that of the most runs. Empty without one."""
    trained = runs[runs["train.steps"] > 0]
    cells_of = trained.groupby(WIDTH)["cell"].nunique()
    common = trained[trained[WIDTH].isin(cells_of[cells_of == trained["cell"].nunique()].index)]
    (width,) = common[WIDTH].mode()[:1] if len(common) else (None,)
    return common.loc[common[WIDTH] == width]


def with_values(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """The runs that have a value in the column. Raises NotMeasuredError when none has."""
    if column not in runs or runs[column].isna().all():
        raise NotMeasuredError(f"needs the column {column}")
    return runs[runs[column].notna()]


def difficulties(runs: pd.DataFrame) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """The runs by the difficulty of their task, each with the condition that it is, such as {"length": 40}."""
    groups = runs.groupby(["difficulty_setting", "difficulty"], sort=False)
    return [({str(setting): value}, group) for (setting, value), group in groups]
