"""Runs as normalised scores, cell against cell."""

from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.aggregates import interquartile_mean, normalised_score
from rnnbench.analysis.baselines import baselines
from rnnbench.analysis.cell_pairs import CELL, cell_pairs
from rnnbench.analysis.intervals import paired_difference
from rnnbench.analysis.milestones import stopped_by_solving
from rnnbench.errors import SettingError
from rnnbench.schema import ENDED, TASK_GROUP, Status

SAME = "test_baseline_loss"

SCORES: dict[str, str] = {
    "tasks": "tasks with a baseline above 0 and no negative loss, which the score is over, each difficulty of one "
    "counted",
    "runs": "runs per task: those of the seeds that every task has",
    "left_out": "runs of other seeds, which are left out",
    "at_stop": "runs that stopped as soon as they solved their task: their losses are those at which runs stop, so "
    "that their scores do not compare cells that solve it",
    "score": "interquartile mean over runs and tasks of the normalised score, 1 - test loss / baseline loss; 0 is no "
    "better than the baseline, the lowest score is -1, of a loss twice the baseline's and of diverged and failed runs",
    "baseline": "what the baseline loss is of: the loss of the constant predictor on the same test data, or, where "
    "that was not recorded, its expectation",
}

SAME_DATA, EXPECTED = "on the same data", "expected"


def with_scores(runs: pd.DataFrame) -> pd.DataFrame:
    """The finished runs of tasks with a baseline above 0 and no negative loss, with their `score` on test data.

    Raises SettingError when no task has one.
    """
    ended = runs[runs["status"].isin(ENDED)]
    references = baselines(ended)
    has_fractions = ~((references <= 0) | (pd.to_numeric(ended["test_loss"]).astype(float) < 0))
    of_task = ended["task"]
    scored = references.notna().groupby(of_task).transform("any") & has_fractions.groupby(of_task).transform("all")
    ended, references = ended[scored], references[scored]
    if ended.empty:
        raise SettingError(
            "needs a task with a memoryless baseline above 0 and no negative loss to score by; compare losses "
            "(table=[comparison])"
        )
    losses = ended["test_loss"].where(ended["status"] == Status.DONE)
    return ended.assign(score=normalised_score(losses, references.fillna(1.0)))


def score_matrix(runs: pd.DataFrame) -> pd.DataFrame:
    """Scores of one cell and variant, seeds x tasks, over the seeds that every task has."""
    return with_scores(runs).pivot_table(index="seed", columns=TASK_GROUP, values="score", sort=False).dropna()


def scores(runs: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """One row per cell and variant, over all of its tasks: the group and SCORES, `score` as `Interval`."""
    rows = []
    scored = with_scores(runs)
    for key, group in runs[runs["task"].isin(scored["task"])].groupby(CELL, sort=False):
        matrix = score_matrix(group)
        rows.append(
            dict(zip(CELL, key, strict=True))
            | {
                "tasks": matrix.shape[1],
                "runs": matrix.shape[0],
                "left_out": int(group["status"].isin(ENDED).sum()) - matrix.size,
                "at_stop": _stopped(group),
                "score": interquartile_mean(matrix.to_numpy(), generator),
                "baseline": _baseline(group[group["status"] == Status.DONE]),
            }
        )
    return pd.DataFrame(rows)


def _stopped(runs: pd.DataFrame) -> int:
    return int(stopped_by_solving(runs).sum())


def _baseline(done: pd.DataFrame) -> str:
    return SAME_DATA if SAME in done and done[SAME].notna().all() else EXPECTED


def paired_differences(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per task, difficulty and pair of different cells of the same variant: the pair, `pairs`, the seeds that
    both have, and `difference`, the mean over them of the cell's score minus the other's, as `Interval`."""
    rows: list[dict[str, Any]] = []
    for pair in cell_pairs(with_scores(runs)):
        for difficulty, a, b in pair.by_difficulty():
            one, other = a.set_index("seed")["score"], b.set_index("seed")["score"]
            pairs = len(one.index.intersection(other.index))
            rows.append(pair.identity(difficulty) | {"pairs": pairs, "difference": paired_difference(one, other)})
    return pd.DataFrame(rows)
