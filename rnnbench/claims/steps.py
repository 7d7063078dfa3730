"""Steps to solve of two cells: what the claims on learning and on speed have in common."""

from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.milestones import SOLVED, reached, steps_to
from rnnbench.analysis.steps_ratio import steps_ratio
from rnnbench.claims.claim import Count
from rnnbench.claims.selection import MILESTONE, MILESTONE_STEPS, by_seed, difficulties

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


def ratio(pair: Pair, milestone: str = SOLVED) -> Interval:
    """The ratio of steps, the one's over the other's; NaN where no run of either arrived."""
    a, b = (steps_to(runs, milestone) for runs in pair)
    return steps_ratio(a, b, np.random.default_rng(0))


def solved_told(pair: Pair, milestone: str = SOLVED) -> dict[str, Count]:
    """How many runs of each cell arrived, by name, for a case's details."""
    return {
        f"{milestone}_{runs['cell'].iloc[0]}": Count(int(reached(runs, milestone).sum()), len(runs)) for runs in pair
    }


def milestone_told(pair: Pair) -> dict[str, Any]:
    """The ratio of steps to the softer milestone and how many runs met it, for a case's details.

    Empty for a task without this milestone.
    """
    if any(MILESTONE_STEPS not in runs for runs in pair):
        return {}
    return {f"{MILESTONE}_ratio": ratio(pair, MILESTONE)} | solved_told(pair, MILESTONE)


def ratios_by_difficulty(pair: Pair) -> dict[str, Interval]:
    """The ratio at each difficulty by itself, for the details of a case that pools them; empty where there is one."""
    parts = [{tuple(at.items()): runs for at, runs in difficulties(each)} for each in pair]
    if len(parts[0]) < 2:
        return {}
    return {f"ratio_at_{at[0][1]}": ratio((parts[0][at], parts[1][at])) for at in parts[0]}
