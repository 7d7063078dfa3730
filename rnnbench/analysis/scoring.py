"""Runs as normalised scores, cell against cell."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.aggregates import interquartile_mean, normalised_score, probability_of_improvement
from rnnbench.analysis.intervals import paired_difference
from rnnbench.schema import ENDED, TASK_GROUP

CELL = ["cell", "variant"]

SCORES: dict[str, str] = {
    "tasks": "tasks that the score is over, each difficulty of one counted",
    "runs": "runs per task: those of the seeds that every task has",
    "score": "interquartile mean over runs and tasks of the normalised score, clip(1 - test loss / baseline loss, 0, "
    "1); diverged and failed runs score 0",
}

DIFFERENCES: dict[str, str] = {
    "pairs": "seeds that both cells have",
    "score": "mean normalised score of the cell over these seeds",
    "other_score": "the same of the other cell",
    "difference": "mean over seeds of the cell's score minus the other's",
    "probability_of_improvement": "fraction of the pairs of runs, of any seeds, in which the cell scores above the "
    "other, ties counting one half",
}


def with_scores(runs: pd.DataFrame) -> pd.DataFrame:
    """The finished runs with their `score` on test data."""
    ended = runs[runs["status"].isin(ENDED)]
    return ended.assign(score=normalised_score(ended["test_loss"], ended["baseline_loss"].fillna(1.0)))


def score_matrix(runs: pd.DataFrame) -> pd.DataFrame:
    """Scores of one cell and variant, seeds x tasks, over the seeds that every task has."""
    return with_scores(runs).pivot_table(index="seed", columns=TASK_GROUP, values="score", sort=False).dropna()


def scores(runs: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """One row per cell and variant, over all of its tasks: the group and SCORES, `score` as `Interval`."""
    rows = []
    for key, group in runs.groupby(CELL, sort=False):
        matrix = score_matrix(group)
        mean = interquartile_mean(matrix.to_numpy(), generator)
        rows.append(
            dict(zip(CELL, key, strict=True)) | {"tasks": matrix.shape[1], "runs": matrix.shape[0], "score": mean}
        )
    return pd.DataFrame(rows)


def paired_differences(runs: pd.DataFrame, generator: np.random.Generator | None = None) -> pd.DataFrame:
    """One row per task, difficulty and pair of different cells of the same variant: the pair and DIFFERENCES.

    `difference` and `probability_of_improvement` are `Interval`. The latter, whose bootstrap takes nearly all of the
    time, is left out without a generator. Two cells that share no variant, such as cells of one parameter budget and
    different widths, are paired whatever their variants.
    """
    rows: list[dict[str, Any]] = []
    for task, of_task in with_scores(runs).groupby(TASK_GROUP, sort=False):
        groups = {key: group.set_index("seed")["score"] for key, group in of_task.groupby(CELL, sort=False)}
        variants = {cell: {key[1] for key in groups if key[0] == cell} for cell, _ in groups}
        for (one, a), (other, b) in combinations(groups.items(), 2):
            comparable = one[1] == other[1] or not variants[one[0]] & variants[other[0]]
            if one[0] != other[0] and comparable:
                rows.append(dict(zip(TASK_GROUP, task, strict=True)) | _pair(one, other, a, b, generator))
    return pd.DataFrame(rows)


def _pair(
    one: Any, other: Any, a: "pd.Series[Any]", b: "pd.Series[Any]", generator: np.random.Generator | None
) -> dict[str, Any]:
    seeds = a.index.intersection(b.index)
    row = {
        **dict(zip(("cell", "variant", "other_cell", "other_variant"), (*one, *other), strict=True)),
        "pairs": len(seeds),
        "score": float(a.loc[seeds].mean()),
        "other_score": float(b.loc[seeds].mean()),
        "difference": paired_difference(a, b),
    }
    if generator is None:
        return row
    chance = probability_of_improvement(a.to_numpy()[:, None], b.to_numpy()[:, None], generator)
    return row | {"probability_of_improvement": chance}
