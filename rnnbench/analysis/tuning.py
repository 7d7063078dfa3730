"""The choice of a swept setting, such as the learning rate, for each cell and task on validation data.

The rule, for each task, difficulty, cell and variant in other settings, among the values that were swept:

1. the smallest fraction of runs that diverged or failed;
2. then the largest fraction of runs that met the task's criterion on validation data;
3. then, where all runs did, the smallest mean number of steps to it (runs stop there); else the smallest mean loss on
   validation data at the last evaluation, over the runs that did not diverge;
4. then the smallest value.

Test data take no part in it: the ranking sees the columns in SEEN and no others.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.aggregates import normalised_score
from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.errors import SettingError
from rnnbench.schema import ENDED, GROUP, Status

SEEN = ["run", "status", "solved", "steps_to_solve", "steps_trained", "validation_loss", "baseline_loss"]

CHOICES: dict[str, str] = {
    "chosen": "the value that was chosen",
    "tried": "the values among which it was chosen",
    "runs": "finished runs at all of them: what the choice and the comparison cost together",
    "steps_trained": "training steps of these runs together",
    "validation_score": "mean normalised score on validation data of the chosen value",
    "worst_validation_score": "that of the worst value",
    "usable_fraction": "fraction of the values whose score is within 0.1 of the best one's: how little the choice "
    "matters",
}

USABLE = 0.1


def candidates(results: Results, setting: str) -> pd.DataFrame:
    """One row per task, difficulty, cell, variant in other settings and value, with what the rule ranks it by.

    Beside the group: `value` of the swept setting; `runs` that ended with it; `failure_rate`, the fraction of them that
    diverged or failed; `success_rate` on validation data; mean `steps_to_solve`, NaN unless all solved it; mean
    `validation_loss` at the last evaluation, over the runs that were done; mean normalised `validation_score` with its
    `_lowest` and `_highest` over runs, of which diverged and failed ones score 0; `steps_trained` of all these runs
    together; and whether the rule has `chosen` it.

    Raises SettingError when no run has the setting or all runs have the same value.
    """
    runs = results.runs if results.candidates is None else results.candidates
    if setting not in runs or runs[setting].nunique() < 2:
        raise SettingError(f"tuned={setting}: the runs do not differ in it; sweep it, or set tuned=null")
    runs = sorted_runs(runs, ignored=[setting])
    rows = []
    for key, group in runs[runs["status"].isin(ENDED)].groupby(GROUP, sort=False):
        ranked = [{"value": value, **_summary(of_value[SEEN])} for value, of_value in group.groupby(setting, sort=True)]
        best = min(ranked, key=_rank)
        rows += [dict(zip(GROUP, key, strict=True)) | row | {"chosen": row is best} for row in ranked]
    return pd.DataFrame(rows)


def tune(results: Results, setting: str) -> Results:
    """The results of the runs with the chosen value; the others stay in `candidates`."""
    table = candidates(results, setting)
    chosen = set(table.loc[table["chosen"], [*GROUP, "value"]].itertuples(False, None))
    runs = sorted_runs(results.runs, ignored=[setting])
    keep = [key in chosen for key in runs[[*GROUP, setting]].itertuples(False, None)]
    return replace(results, runs=runs[keep].reset_index(drop=True), candidates=results.runs, tuned=setting)


def choices(results: Results, setting: str) -> pd.DataFrame:
    """One row per task, difficulty, cell and variant in other settings: the group and CHOICES."""
    rows = []
    for key, group in candidates(results, setting).groupby(GROUP, sort=False):
        (best,) = group[group["chosen"]].to_dict("records")
        usable = group["validation_score"] >= group["validation_score"].max() - USABLE
        rows.append(
            dict(zip(GROUP, key, strict=True))
            | {
                "chosen": best["value"],
                "tried": tuple(group["value"]),
                "runs": int(group["runs"].sum()),
                "steps_trained": int(group["steps_trained"].sum()),
                "validation_score": best["validation_score"],
                "worst_validation_score": float(group["validation_score"].min()),
                "usable_fraction": float(usable.mean()),
            }
        )
    return pd.DataFrame(rows)


def _summary(runs: pd.DataFrame) -> dict[str, Any]:
    done = runs[runs["status"] == Status.DONE]
    scores = normalised_score(
        np.where(runs["status"] == Status.DONE, runs["validation_loss"], np.nan), runs["baseline_loss"].fillna(1.0)
    )
    all_solved = bool((runs["solved"] & (runs["status"] == Status.DONE)).all())
    return {
        "runs": len(runs),
        "failure_rate": 1 - len(done) / len(runs),
        "success_rate": float(done["solved"].sum()) / len(runs),
        "steps_to_solve": float(runs["steps_to_solve"].mean()) if all_solved else np.nan,
        "validation_loss": float(done["validation_loss"].mean()),
        "validation_score": float(scores.mean()),
        "validation_score_lowest": float(scores.min()),
        "validation_score_highest": float(scores.max()),
        "steps_trained": int(runs["steps_trained"].fillna(0).sum()),
    }


def _rank(row: dict[str, Any]) -> tuple[float, ...]:
    third = row["validation_loss"] if np.isnan(row["steps_to_solve"]) else row["steps_to_solve"]
    return row["failure_rate"], -row["success_rate"], np.inf if np.isnan(third) else third, row["value"]
