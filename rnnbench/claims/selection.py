"""The runs that a claim rests on."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.cell_pairs import WIDTH
from rnnbench.analysis.intervals import Interval, mean_interval
from rnnbench.analysis.lengths import lengths
from rnnbench.analysis.log_rank import log_rank_test
from rnnbench.analysis.milestones import SOLVED, reached, steps_column, steps_to
from rnnbench.analysis.power import detectable_steps_ratio
from rnnbench.analysis.results import Results
from rnnbench.analysis.steps_ratio import TIME_ERROR, steps_ratio, time_ratio
from rnnbench.analysis.verdict import below
from rnnbench.claims.claim import Case
from rnnbench.errors import SettingError
from rnnbench.schema import ENDED, MEASURED

STEPS, RATE, STOPS = "train.steps", "optimizer.lr", "train.stop_when_solved"
MILESTONE = "mse_below_0_01"
MILESTONE_STEPS = steps_column(MILESTONE)
"""The weaker criterion reported with the strict one, for the tasks that have it."""


def select(results: Results, conditions: Mapping[str, Any]) -> pd.DataFrame:
    """The measured runs with these values in these columns, a list being any of its values.

    Raises SettingError when there are none.
    """
    runs = results.runs[results.runs["status"].isin(MEASURED)]
    for column, wanted in conditions.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        if column not in runs:
            raise SettingError(f"needs the column {column}")
        runs = runs[runs[column].isin(values)]
        if runs.empty:
            raise SettingError(f"needs runs with {column}={'|'.join(map(str, values))}")
    return runs


def trained(results: Results, cells: Sequence[str]) -> pd.DataFrame:
    """The trained runs of these cells, all of which must have some: failed ones too, which count as not having solved.

    Raises SettingError without them, when they are of several tasks, and when several learning rates were run and
    none was chosen: which rate a cell gets would be arbitrary.
    """
    ended = results.runs[results.runs["status"].isin(ENDED)]
    runs = one_task(ended[ended["cell"].isin(list(cells)) & (ended[STEPS] > 0)])
    lacking = [cell for cell in cells if cell not in set(runs["cell"])]
    if lacking:
        raise SettingError(f"needs trained runs of {' and '.join(lacking)}")
    if RATE in runs and results.tuned != RATE and runs[RATE].nunique() > 1:
        raise SettingError(f"needs one learning rate or the best of several for each cell: tuned={RATE}")
    return runs


def one_task(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs, all of one task. Raises SettingError when they are of several: each is to be judged by itself."""
    tasks = list(map(str, runs["task"].unique()))
    if len(tasks) > 1:
        raise SettingError(f"needs one task, but there are {' and '.join(tasks)}; only.task=[{tasks[0]}] takes one")
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
    """The runs that have a value in all of the columns. Raises SettingError when none has."""
    for column in columns:
        if column not in runs or runs[column].isna().all():
            raise SettingError(f"needs the column {column}")
    return runs[runs[list(columns)].notna().all(axis=1)]


def difficulties(runs: pd.DataFrame) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """The runs by the difficulty of their task, each with the condition that it is, such as {"length": 40}."""
    groups = runs.groupby(["difficulty_setting", "difficulty"], sort=False)
    return [({str(setting): value}, group) for (setting, value), group in groups]


def by_length(runs: pd.DataFrame) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """The same, the shortest first. Raises SettingError where tasks have no length."""
    return sorted(difficulties(runs), key=lambda item: float(lengths(item[1]).iloc[0])) if len(runs) else []


def by_seed(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs indexed by seed. Raises SettingError when a seed has several: they differ in another setting."""
    if runs["seed"].duplicated().any():
        twice = runs[runs["seed"].duplicated(keep=False)]["run"].tolist()[:2]
        raise SettingError(f"needs one run for a seed, but {twice[0]} and {twice[1]} differ in another setting")
    return runs.set_index("seed")


def names(*groups: pd.DataFrame) -> tuple[str, ...]:
    """The names of the runs, each once."""
    return tuple(sorted({str(run) for group in groups for run in group["run"]}))


Pair = tuple[pd.DataFrame, pd.DataFrame]
"""The runs of one cell and of the other."""


def pair_of(runs: pd.DataFrame, one: str, other: str) -> Pair:
    """The runs of each of the two cells, of the difficulties that both have.

    Raises SettingError when a seed has several runs at one difficulty.
    """
    of_one, of_other = (runs[runs["cell"] == cell] for cell in (one, other))
    both = set(of_one["difficulty"]) & set(of_other["difficulty"])
    pair = of_one[of_one["difficulty"].isin(both)], of_other[of_other["difficulty"].isin(both)]
    for each in pair:
        for _, runs in difficulties(each):
            by_seed(runs)
    return pair


def by_difficulty(pair: Pair) -> list[tuple[dict[str, Any], Pair]]:
    """The pair at each difficulty, with the condition that it is, such as {"length": 40}."""
    one, other = pair
    return [(at, (runs, other[other["difficulty"] == next(iter(at.values()))])) for at, runs in difficulties(one)]


def fewer_steps(condition: Mapping[str, Any], pair: Pair, unit: str) -> Case:
    """That the one cell solves in fewer steps than the other."""
    a, b = (steps_to(runs) for runs in pair)
    test = log_rank_test(a, b, np.random.default_rng(0))
    parts = by_difficulty(pair)
    apart = {f"ratio_at_{next(iter(at.values()))}": _ratio(part) for at, part in parts} if len(parts) > 1 else {}
    return Case(
        condition,
        test.a_is_sooner,
        steps_ratio(a, b, np.random.default_rng(0)),
        unit,
        names(*pair),
        "log-rank, stratified by length, by permutation of seeds",
        test.p_value,
        lambda level: detectable_steps_ratio(a, b, np.random.default_rng(0), level),
        "ratio of steps",
        {**solved_counts(pair), **apart, **milestone_details(pair)},
    )


def less_time(condition: Mapping[str, Any], pair: Pair, log_passes: "np.ndarray[Any, np.dtype[np.float64]]") -> Case:
    """That the one cell solves in less time, by the log ratio of the cells' pass times in each process.

    One ratio of passes, timed at one length, serves at all: an assumption.
    """
    a, b = (steps_to(runs) for runs in pair)
    ratio, p_value = time_ratio(a, b, log_passes, np.random.default_rng(0))
    passes = mean_interval(log_passes, 1 - TIME_ERROR)

    def detectable(level: float) -> float:
        of_steps = detectable_steps_ratio(a, b, np.random.default_rng(0), level - TIME_ERROR)
        return of_steps * math.exp(passes.estimate - passes.high)

    return Case(
        condition,
        below(ratio, 1),
        ratio,
        "time to solve, GRU's over LSTM's",
        names(*pair),
        "log-rank by permutation of seeds, largest p-value over the interval of the pass times",
        p_value,
        detectable,
        "ratio of times",
    )


def _ratio(pair: Pair, milestone: str = SOLVED) -> Interval:
    a, b = (steps_to(runs, milestone) for runs in pair)
    return steps_ratio(a, b, np.random.default_rng(0))


def solved_counts(pair: Pair, milestone: str = SOLVED) -> dict[str, Any]:
    """How many runs of each cell arrived, by name, for a case's details."""
    return {f"{milestone}_{runs['cell'].iloc[0]}": (int(reached(runs, milestone).sum()), len(runs)) for runs in pair}


def milestone_details(pair: Pair) -> dict[str, Any]:
    """The ratio of steps to the softer milestone and how many runs met it; empty for a task without it."""
    if any(MILESTONE_STEPS not in runs for runs in pair):
        return {}
    return {f"{MILESTONE}_ratio": _ratio(pair, MILESTONE)} | solved_counts(pair, MILESTONE)
