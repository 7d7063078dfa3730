"""Cell against cell by the training steps that they take to a milestone, at each length and over all of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.cell_pairs import Pair, by_difficulty, cell_pairs, corrected
from rnnbench.analysis.intervals import UNDEFINED, Interval, improvement_interval
from rnnbench.analysis.log_rank import log_rank_test
from rnnbench.analysis.milestones import (
    SOLVED,
    StepsToSolve,
    check_milestone,
    reached,
    steps_to,
    trained_runs,
    with_milestone,
)
from rnnbench.analysis.steps_ratio import FACTOR, steps_equivalence
from rnnbench.analysis.verdict import Verdict, below

ALL = "all"
"""The difficulty of a row over all of them."""

CONTRADICTED = "no one ratio: it differs by difficulty"
NONE_REACHED = "no run got there"

RATIOS: dict[str, str] = {
    "milestone": "what the steps are to: `solved`, the task's criterion, or a softer milestone",
    "reached": "runs of the cell that reached it",
    "runs": "of how many, diverged and failed ones included: these never reach it",
    "other_reached": "runs of the other cell that reached it",
    "other_runs": "of how many",
    "ratio": "steps of the cell over those of the other, all runs, unsolved ones censored: the ratios that the "
    "log-rank test of the divided steps does not reject. Over all difficulties one ratio is assumed for all, and left "
    "out where their intervals have none in common",
    "why_no_ratio": "why there is no ratio",
    "p_value": "log-rank test that the ratio is 1, by permutation of seeds; over all difficulties stratified by them",
    "p_holm": "the same by Holm's correction for all rows of the table at one difficulty, or for all over all "
    "difficulties",
    "smallest_p_value": "the smallest p-value that so few seeds can have",
    "fewer_steps": "verdict at 5%, after the correction, that the cell takes fewer steps",
    "equivalent": f"verdict at 5%, after the correction: equivalent, where the whole interval is within a factor of "
    f"{FACTOR}; differs by more, where all of it is beyond; differs, where p_holm is at most 0.05 and the interval "
    "crosses the factor; not seen, where no difference is",
    "equivalent_p_holm": "the larger p-value of the ratio being that factor or one over it, by the same correction: "
    "small where it is equivalent and where it differs by more",
    "probability_of_fewer_steps": "probability that a run of the cell takes fewer steps than one of the other, ties "
    "counting one half, with Newcombe's interval; steps beyond the shortest budget of an unsolved run count as ties; "
    "at one difficulty only",
}


def steps_comparison(runs: pd.DataFrame, generator: np.random.Generator, milestone: str = SOLVED) -> pd.DataFrame:
    """One row per pair of cells and difficulty, and one over all difficulties of a pair that has several: the pair and
    RATIOS, `ratio` and `probability_of_fewer_steps` as `Interval`, the verdicts as text.

    Empty without two cells on one task. Raises SettingError on a milestone of which no run has the steps.
    """
    check_milestone(runs, milestone)
    rows: list[dict[str, Any]] = []
    for pair in cell_pairs(with_milestone(trained_runs(runs), milestone)):
        of_pair = [names | _compare(a, b, milestone, generator) for names, a, b in by_difficulty(pair)]
        rows += of_pair
        if len(of_pair) > 1:
            rows.append(_over_all(pair, [row["ratio"] for row in of_pair], milestone, generator))
    by_kind = ([row for row in rows if row["over_all"] == over_all] for over_all in (0, 1))
    found = [iter(corrected(of_kind, "fewer_steps")) for of_kind in by_kind]
    return pd.DataFrame([next(found[row["over_all"]]) for row in rows]).drop(columns="over_all", errors="ignore")


def _compare(a: pd.DataFrame, b: pd.DataFrame, milestone: str, generator: np.random.Generator) -> dict[str, Any]:
    steps_a, steps_b = steps_to(a, milestone), steps_to(b, milestone)
    test = log_rank_test(steps_a, steps_b, generator)
    ratio, equivalent, p_margin = steps_equivalence(steps_a, steps_b, generator)
    some = steps_a.solved.any() or steps_b.solved.any()
    several = len(np.unique(steps_a.strata)) > 1
    return {
        "over_all": 0,
        "milestone": milestone,
        "reached": int(reached(a, milestone).sum()),
        "runs": len(a),
        "other_reached": int(reached(b, milestone).sum()),
        "other_runs": len(b),
        "ratio": ratio if some else UNDEFINED,
        "why_no_ratio": "" if some else NONE_REACHED,
        "p_value": test.p_value,
        "p_holm": test.p_value,
        "smallest_p_value": test.smallest_p_value,
        "fewer_steps": test.a_is_sooner,
        "equivalent": equivalent if some else Verdict.UNDECIDED,
        "equivalent_p_holm": p_margin,
        "probability_of_fewer_steps": UNDEFINED if several else _probability_of_fewer(steps_a, steps_b),
    }


def _probability_of_fewer(a: StepsToSolve, b: StepsToSolve) -> Interval:
    """Later steps than the budget of a run that did not get there tie with it: which would be later is not known."""
    horizon = min(np.inf, *(group.budgets[~group.solved].min(initial=np.inf) for group in (a, b)))
    of_a, of_b = (np.where(group.steps <= horizon, group.steps, np.inf) for group in (a, b))
    return improvement_interval(of_b, of_a)


def _over_all(pair: Pair, ratios: Sequence[Interval], milestone: str, generator: np.random.Generator) -> dict[str, Any]:
    """The row over all difficulties. The test holds whether or not one ratio does; what rests on the ratio does not."""
    names, a, b = pair
    difficulty = f"{ALL} {names['difficulty_setting']}s"
    row = names | {"difficulty": difficulty} | _compare(a, b, milestone, generator) | {"over_all": 1}
    bounded = [ratio for ratio in ratios if not np.isnan(ratio.low)]
    if bounded and max(ratio.low for ratio in bounded) > min(ratio.high for ratio in bounded):  # none in common
        sooner = {below(ratio, 1) for ratio in ratios}
        row |= {"ratio": UNDEFINED, "why_no_ratio": CONTRADICTED, "equivalent": Verdict.UNDECIDED}
        row["equivalent_p_holm"] = 1.0
        row["fewer_steps"] = sooner.pop() if len(sooner) == 1 else Verdict.UNDECIDED
    return row
