"""The choice of a swept setting, such as the learning rate, for each cell and task on validation data.

The rule, for each task, cell and other setting, among the values that were swept:

1. the smallest share of runs that diverged or failed;
2. then the largest share of runs that met the task's criterion on validation data;
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
from rnnbench.analysis.results import FINISHED, GROUP, Results, sorted_runs

SEEN = ["run", "status", "solved", "steps_to_solve", "steps_trained", "validation_loss", "baseline_loss"]

CANDIDATES: dict[str, str] = {
    "value": "the value of the swept setting",
    "runs": "finished runs with it",
    "lost_share": "share of them that diverged or failed",
    "solved_share": "share that met the criterion on validation data",
    "steps_to_solve": "mean training steps to it; empty unless all did",
    "validation_loss": "mean loss on validation data at the last evaluation, over the runs that did not diverge",
    "validation_score": "mean normalised score on validation data; lost runs score 0",
    "validation_score_lowest": "the lowest of the runs",
    "validation_score_highest": "the highest",
    "steps_trained": "training steps of all these runs together",
    "chosen": "whether the rule chose it",
}

CHOICES: dict[str, str] = {
    "chosen": "the value that was chosen",
    "tried": "the values among which it was chosen",
    "runs": "finished runs at all of them: what the choice and the comparison cost together",
    "steps_trained": "training steps of these runs together",
    "validation_score": "mean normalised score on validation data of the chosen value",
    "worst_validation_score": "that of the worst value",
    "usable_share": "share of the values whose score is within 0.1 of the best one's: how little the choice matters",
}

USABLE = 0.1


def candidates(results: Results, setting: str) -> pd.DataFrame:
    """One row per task, cell, other setting and value: the group and CANDIDATES.

    Raises ValueError when no run has the setting or all runs have the same value.
    """
    runs = results.runs if results.candidates is None else results.candidates
    if setting not in runs or runs[setting].nunique() < 2:
        raise ValueError(f"tuned={setting}: the runs do not differ in it; sweep it, or set tuned=null")
    runs = sorted_runs(runs, ignored=[setting])
    rows = []
    for key, group in runs[runs["status"].isin(FINISHED)].groupby(GROUP, sort=False):
        ranked = [{"value": value, **_summary(of_value[SEEN])} for value, of_value in group.groupby(setting, sort=True)]
        best = min(ranked, key=_rank)
        rows += [dict(zip(GROUP, key, strict=True)) | row | {"chosen": row is best} for row in ranked]
    return pd.DataFrame(rows)


def tune(results: Results, setting: str) -> Results:
    """The results of the runs with the chosen value; the others stay in `candidates`."""
    table = candidates(results, setting)
    chosen = table[table["chosen"]].set_index(GROUP)["value"]
    runs = sorted_runs(results.runs, ignored=[setting])
    keep = [chosen.get(key) == value for key, value in zip(runs[GROUP].itertuples(False), runs[setting], strict=True)]
    return replace(results, runs=runs[keep].reset_index(drop=True), candidates=results.runs, tuned=setting)


def choices(results: Results, setting: str) -> pd.DataFrame:
    """One row per task, cell and other setting: the group and CHOICES."""
    rows = []
    for key, group in candidates(results, setting).groupby(GROUP, sort=False):
        (best,) = group[group["chosen"]].to_dict("records")
        usable = group["validation_score"] >= group["validation_score"].max() - USABLE
        rows.append(
            dict(zip(GROUP, key, strict=True))
            | {
                "chosen": best["value"],
                "tried": " ".join(f"{value:g}" for value in group["value"]),
                "runs": int(group["runs"].sum()),
                "steps_trained": int(group["steps_trained"].sum()),
                "validation_score": best["validation_score"],
                "worst_validation_score": float(group["validation_score"].min()),
                "usable_share": float(usable.mean()),
            }
        )
    return pd.DataFrame(rows)


def _summary(runs: pd.DataFrame) -> dict[str, Any]:
    done = runs[runs["status"] == "done"]
    scores = normalised_score(
        np.where(runs["status"] == "done", runs["validation_loss"], np.nan), runs["baseline_loss"].fillna(1.0)
    )
    all_solved = bool((runs["solved"] & (runs["status"] == "done")).all())
    return {
        "runs": len(runs),
        "lost_share": 1 - len(done) / len(runs),
        "solved_share": float(done["solved"].sum()) / len(runs),
        "steps_to_solve": float(runs["steps_to_solve"].mean()) if all_solved else np.nan,
        "validation_loss": float(done["validation_loss"].mean()),
        "validation_score": float(scores.mean()),
        "validation_score_lowest": float(scores.min()),
        "validation_score_highest": float(scores.max()),
        "steps_trained": int(runs["steps_trained"].fillna(0).sum()),
    }


def _rank(row: dict[str, Any]) -> tuple[float, ...]:
    third = row["validation_loss"] if np.isnan(row["steps_to_solve"]) else row["steps_to_solve"]
    return row["lost_share"], -row["solved_share"], np.inf if np.isnan(third) else third, row["value"]
