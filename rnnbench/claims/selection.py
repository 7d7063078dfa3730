"""The runs that a claim rests on."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from rnnbench.analysis.horizon import lengths
from rnnbench.analysis.matched_comparisons import WIDTH
from rnnbench.analysis.milestones import steps_column
from rnnbench.analysis.results import Results
from rnnbench.claims.claim import NotMeasuredError
from rnnbench.schema import ENDED, MEASURED

STEPS, RATE, STOPS = "train.steps", "optimizer.lr", "train.stop_when_solved"
MILESTONE = "mse_below_0_01"
MILESTONE_STEPS = steps_column(MILESTONE)
"""The weaker criterion reported with the strict one, for the tasks that have it."""


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


def trained(results: Results, cells: Sequence[str]) -> pd.DataFrame:
    """The trained runs of these cells, all of which must have some: failed ones too, which count as not having solved.

    Raises NotMeasuredError without them, when they are of several tasks, and when several learning rates were run and
    none was chosen: which rate a cell gets would be arbitrary.
    """
    ended = results.runs[results.runs["status"].isin(ENDED)]
    runs = one_task(ended[ended["cell"].isin(list(cells)) & (ended[STEPS] > 0)])
    lacking = [cell for cell in cells if cell not in set(runs["cell"])]
    if lacking:
        raise NotMeasuredError(f"needs trained runs of {' and '.join(lacking)}")
    if RATE in runs and results.tuned != RATE and runs[RATE].nunique() > 1:
        raise NotMeasuredError(f"needs one learning rate or the best of several for each cell: tuned={RATE}")
    return runs


def one_task(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs, all of one task. Raises NotMeasuredError when they are of several: each is to be judged by itself."""
    tasks = list(map(str, runs["task"].unique()))
    if len(tasks) > 1:
        raise NotMeasuredError(f"needs one task, but there are {' and '.join(tasks)}; only.task=[{tasks[0]}] takes one")
    return runs


def rate_label(results: Results, runs: pd.DataFrame) -> str:
    """At which learning rate the runs are compared: the tuned one of each cell, or one for all."""
    if results.tuned == RATE:
        return "tuned for each cell and length"
    return f"{runs[RATE].iloc[0]:g} for all" if RATE in runs else "one for all"


def trained_at_one_width(runs: pd.DataFrame) -> pd.DataFrame:
    """The trained runs of the width that all cells have; of several, that of the most runs. Empty without one."""
    of_trained = runs[runs[STEPS] > 0]
    cells_of = of_trained.groupby(WIDTH)["cell"].nunique()
    common = of_trained[of_trained[WIDTH].isin(cells_of[cells_of == of_trained["cell"].nunique()].index)]
    (width,) = common[WIDTH].mode()[:1] if len(common) else (None,)
    return common.loc[common[WIDTH] == width]


def trained_by_length(results: Results, cell: str) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """A cell's trained runs of the width that all cells have, failed ones too, by length, the shortest first."""
    runs = one_task(trained_at_one_width(results.runs[results.runs["status"].isin(ENDED)]))
    return by_length(runs[runs["cell"] == cell])


def with_values(runs: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The runs that have a value in all of the columns. Raises NotMeasuredError when none has."""
    for column in columns:
        if column not in runs or runs[column].isna().all():
            raise NotMeasuredError(f"needs the column {column}")
    return runs[runs[list(columns)].notna().all(axis=1)]


def difficulties(runs: pd.DataFrame) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """The runs by the difficulty of their task, each with the condition that it is, such as {"length": 40}."""
    groups = runs.groupby(["difficulty_setting", "difficulty"], sort=False)
    return [({str(setting): value}, group) for (setting, value), group in groups]


def by_length(runs: pd.DataFrame) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """The same, the shortest first. Raises SettingError where tasks have no length."""
    return sorted(difficulties(runs), key=lambda item: float(lengths(item[1]).iloc[0])) if len(runs) else []


def by_seed(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs indexed by seed. Raises NotMeasuredError when a seed has several: they differ in another setting."""
    if runs["seed"].duplicated().any():
        twice = runs[runs["seed"].duplicated(keep=False)]["run"].tolist()[:2]
        raise NotMeasuredError(f"needs one run for a seed, but {twice[0]} and {twice[1]} differ in another setting")
    return runs.set_index("seed")


def names(*groups: pd.DataFrame) -> tuple[str, ...]:
    """The names of the runs, each once."""
    return tuple(sorted({str(run) for group in groups for run in group["run"]}))
