"""What the trained models come to at lengths that they were not trained on (`evaluation.lengths`)."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.intervals import UNDEFINED, median_interval
from rnnbench.errors import SettingError
from rnnbench.schema import DIFFICULTY, GROUP, Status

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
