"""Steps to solve of two cells: what the claims on learning and on speed have in common."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.intervals import Interval, mean_interval
from rnnbench.analysis.log_rank import log_rank_test
from rnnbench.analysis.milestones import SOLVED, reached, steps_to
from rnnbench.analysis.power import detectable_steps_ratio
from rnnbench.analysis.steps_ratio import TIME_ERROR, steps_ratio, time_ratio
from rnnbench.analysis.verdict import below
from rnnbench.claims.claim import Case, Count
from rnnbench.claims.selection import MILESTONE, MILESTONE_STEPS, by_seed, difficulties, names

Pair = tuple[pd.DataFrame, pd.DataFrame]
"""The runs of one cell and of the other."""


def pair_of(runs: pd.DataFrame, one: str, other: str) -> Pair:
    """The runs of each of the two cells, of the difficulties that both have.

    Raises NotMeasuredError when a seed has several runs at one difficulty.
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
    """The ratio of steps, the one's over the other's; NaN where no run of either arrived."""
    a, b = (steps_to(runs, milestone) for runs in pair)
    return steps_ratio(a, b, np.random.default_rng(0))


def solved_counts(pair: Pair, milestone: str = SOLVED) -> dict[str, Any]:
    """How many runs of each cell arrived, by name, for a case's details."""
    return {
        f"{milestone}_{runs['cell'].iloc[0]}": Count(int(reached(runs, milestone).sum()), len(runs)) for runs in pair
    }


def milestone_details(pair: Pair) -> dict[str, Any]:
    """The ratio of steps to the softer milestone and how many runs met it; empty for a task without it."""
    if any(MILESTONE_STEPS not in runs for runs in pair):
        return {}
    return {f"{MILESTONE}_ratio": _ratio(pair, MILESTONE)} | solved_counts(pair, MILESTONE)
