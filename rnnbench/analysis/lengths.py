"""By length: the success rate, the longest length that a cell solves, and what it comes to at lengths beyond those that
it was trained on (`evaluation.lengths`)."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from rnnbench.analysis.intervals import CONFIDENCE, RESAMPLES, UNDEFINED, Interval, exact_rate, median_interval
from rnnbench.analysis.milestones import SOLVED, budgets, check_milestone, reached, with_milestone
from rnnbench.analysis.results import rows_by
from rnnbench.errors import SettingError
from rnnbench.schema import DIFFICULTY, ENDED, GROUP, Status

OVER_LENGTHS = ["task", "cell", "variant"]

LONGEST: dict[str, str] = {
    "runs": "finished runs at all lengths, diverged and failed ones included",
    "lengths": "the lengths that were tested",
    "budgets": "training steps that the runs were given: all of what follows is within these",
    "milestone": "what is to be reached: `solved`, the task's criterion, or a softer milestone",
    "longest_solvable_length": "the longest tested length such that it and every shorter one is solved by at least "
    "half of the runs within their budget; 0 when the shortest is not",
    "at_longest_tested": "whether that is the longest length tested, so that the true one may be longer still",
}


def lengths(runs: pd.DataFrame) -> "pd.Series[float]":
    """The difficulty of each run's task as a number. Raises SettingError for a task whose difficulty is none."""
    for task, setting, value in runs[["task", "difficulty_setting", "difficulty"]].itertuples(False, None):
        if isinstance(value, str | bool | np.bool_):
            raise SettingError(f"task={task}: its difficulty is {setting}={value}; choose tasks with a length")
    return runs["difficulty"].astype(float)


def success_by_length(runs: pd.DataFrame, milestone: str = SOLVED) -> pd.DataFrame:
    """One row per task, cell, variant and length: the group, `length`, `runs` and `success_rate`, an `Interval`.

    Diverged and failed runs count as not having reached the milestone. Raises SettingError as `solvable_lengths` does.
    """
    return rows_by(
        [*OVER_LENGTHS, "length"],
        _ended(runs, milestone),
        lambda group: {"runs": len(group), "success_rate": exact_rate(reached(group, milestone))},
    )


def solvable_lengths(runs: pd.DataFrame, generator: np.random.Generator, milestone: str = SOLVED) -> pd.DataFrame:
    """One row per task, cell and variant: the group and LONGEST, with `longest_solvable_length` as `Interval`.

    Raises SettingError on a milestone of which no run has the steps, and on a task without a length.
    """

    def row(group: pd.DataFrame) -> dict[str, Any]:
        longest = longest_solvable_length(group["length"].to_numpy(float), reached(group, milestone), generator)
        tested = sorted(group["length"].unique())
        return {
            "runs": len(group),
            "lengths": tuple(map(float, tested)),
            "budgets": tuple(sorted(set(budgets(group)))),
            "milestone": milestone,
            "longest_solvable_length": longest,
            "at_longest_tested": bool(longest.estimate == tested[-1]),
        }

    return rows_by(OVER_LENGTHS, _ended(runs, milestone), row)


def _ended(runs: pd.DataFrame, milestone: str) -> pd.DataFrame:
    check_milestone(runs, milestone)
    ended = with_milestone(runs[runs["status"].isin(ENDED)], milestone)
    return ended.assign(length=lengths(ended))


def longest_solvable_length(
    lengths: Float[np.ndarray, " runs"], solved: Bool[np.ndarray, " runs"], generator: np.random.Generator
) -> Interval:
    """The longest tested length such that it and every shorter one is solved by at least half of the runs, else 0.

    The bounds are the 2.5% and 97.5% points of the bootstrap that resamples the runs within each length. They are equal
    when the runs agree at every length, and with three runs cover less than 95%, about 88% where success falls slowly
    with length. NaN bounds when a length has one run only; no runs are NaN throughout.
    """
    if lengths.size == 0:
        return UNDEFINED
    tested, place = np.unique(lengths, return_inverse=True)
    runs = np.bincount(place)
    rates = np.bincount(place, weights=solved) / runs
    ladder = np.concatenate([[0.0], tested])

    def longest(rates: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(ladder[np.cumprod(rates >= 0.5, axis=-1).sum(axis=-1)])

    if runs.min() == 1:
        return Interval(float(longest(rates)))
    # Drawing n outcomes with replacement from k successes and n - k failures is drawing Binomial(n, k/n) successes.
    resampled = longest(generator.binomial(runs, rates, size=(RESAMPLES, runs.size)) / runs)
    tails = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    return Interval(float(longest(rates)), *np.quantile(resampled, tails, method="inverted_cdf").tolist())


OTHER_LENGTHS: Mapping[str, str] = {
    "trained_on": "length or range of lengths of the training data",
    "length": "length of the evaluated sequences; of the trained range its longest; empty for a file's own test data",
    "is_trained": "whether they are as in training: the test data",
    "runs": "runs that were evaluated; diverged and failed ones are not",
    "of_runs": "finished runs, diverged and failed ones included",
    "loss": "loss on fresh sequences of the length: median over runs, between order statistics",
    "loss_lowest": "the lowest of the runs",
    "loss_highest": "the highest of the runs",
    "baseline_loss": "mean loss of the best constant on the same sequences",
    "measure": "the task's own measure, such as accuracy; empty where it has none",
    "measured": "that measure: median over runs, between order statistics",
    "measured_best": "that of the run with the lowest loss",
}

PLACE = ["length", "is_trained"]


def by_length(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per run and length, the trained one included, which is that of the test data, even where it is among the
    others: the run's group, seed, and what `_at` says. A file's own test data have no length, NaN, and come first.

    Raises SettingError when no run was evaluated at another length.
    """
    lengths = sorted(int(found[1]) for name in runs if (found := re.fullmatch(r"test_loss_at_(\d+)", str(name))))
    rows: list[dict[str, Any]] = []
    for run in runs[runs["status"] == Status.DONE].to_dict("records"):
        own = str(run[DIFFICULTY]) if run["difficulty_setting"] == "length" else ""
        others = [length for length in lengths if str(length) != own]
        of_run = [row for length in (None, *others) if (row := _at(run, length)) is not None]
        if any(not row["is_trained"] for row in of_run):
            rows += sorted(of_run, key=lambda row: np.nan_to_num(row["length"], nan=0))
    if not rows:
        raise SettingError("needs runs that were evaluated at other lengths; add evaluation.lengths=[200,400]")
    return pd.DataFrame(rows)


def _at(run: Mapping[Any, Any], length: int | None) -> dict[str, Any] | None:
    """A run at another length, or at its own (None); None where it was not evaluated there."""
    end = "" if length is None else f"_at_{length}"
    if pd.isna(run.get(f"test_loss{end}", np.nan)):
        return None
    own = re.fullmatch(r"(?:\d+\.\.)?(\d+)", str(run[DIFFICULTY])) if run["difficulty_setting"] == "length" else None
    measure = run["measure"] if isinstance(run.get("measure"), str) else ""
    return {
        **{name: run[name] for name in ("run", *GROUP, "seed")},
        "trained_on": str(run[DIFFICULTY]),
        "length": (int(own[1]) if own else np.nan) if length is None else length,
        "is_trained": length is None,
        "loss": float(run[f"test_loss{end}"]),
        "baseline_loss": float(run.get(f"test_baseline_loss{end}", np.nan)),
        "measure": measure,
        "measured": float(run.get(f"test_{measure}{end}", np.nan)),
    }


def other_lengths(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per task, difficulty, cell, variant and length: the group and OTHER_LENGTHS.

    Raises SettingError when no run was evaluated at another length.
    """
    ended = runs[runs["status"] != Status.RUNNING].groupby(GROUP, sort=False).size().to_dict()
    rows = [
        dict(zip(GROUP, key, strict=True)) | {"of_runs": ended[key]} | _summary(of_length)
        for key, group in by_length(runs).groupby(GROUP, sort=False)
        for _, of_length in group.sort_values(PLACE, na_position="first").groupby(PLACE, dropna=False, sort=False)
    ]
    return pd.DataFrame(rows)


def _summary(rows: pd.DataFrame) -> dict[str, Any]:
    losses, measured = rows["loss"].to_numpy(float), rows["measured"].to_numpy(float)
    best = rows.iloc[int(losses.argmin())]
    return {
        **{name: best[name] for name in ("trained_on", "length", "is_trained", "measure")},
        "runs": len(rows),
        "loss": median_interval(losses),
        "loss_lowest": float(losses.min()),
        "loss_highest": float(losses.max()),
        "baseline_loss": float(rows["baseline_loss"].mean()),
        "measured": UNDEFINED if np.isnan(measured).any() else median_interval(measured),
        "measured_best": float(best["measured"]),
    }
