"""The choice of a swept setting, such as the learning rate, for each cell and task on validation data.

The rule, for each task, difficulty, cell and variant in other settings, among the values that were swept:

1. the smallest fraction of runs that diverged or failed;
2. then the largest fraction of runs that reached the objective, such as `steps_to_solve` or `steps_to_<milestone>`;
3. then the smallest mean number of steps to it, a run that did not reach it counting its whole budget;
4. where no run reached it, or where the objective is `validation_loss`: the smallest mean loss on validation data of
   the weights that `train.selection` selects, the last or the best, over the runs that did not diverge or fail;
5. then a value inside the grid before one at its edge, then the smallest.

Test data take no part in it: the ranking sees the columns in SEEN and the objective's, no others. Where
tuning seeds are named, runs of other seeds take no part in it either, and the report has none of the tuning seeds.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import Results, numbers, rows_by, sorted_runs
from rnnbench.analysis.steps_ratio import FACTOR
from rnnbench.errors import SettingError
from rnnbench.schema import ENDED, GROUP, Status

SEEN = ["run", "seed", "status", "steps_trained", "train.steps", "validation_loss"]
VALIDATION_LOSS = "validation_loss"

CHOICES: dict[str, str] = {
    "chosen": "the value that was chosen",
    "chosen_over_all": "the value that would be chosen for all difficulties together, of those tried at each: by the "
    "means of the failure rate, then of the fraction that reached the objective, then of the objective's rank",
    "at_edge": "whether it is the smallest or largest value tried: a better one may lie beyond",
    "objective": "what it was chosen by: the mean steps to it over runs, a run that did not reach it counting its "
    "budget; or validation_loss, also where no run reached the objective",
    "tried": "the values among which it was chosen",
    "success_at_tried": "fraction of the runs at each of them that reached the objective; 0 for validation_loss",
    "objective_at_tried": "the objective at each of them, mean over runs; NaN where all diverged or failed",
    "tuning_seeds": "the seeds of the runs among which it was chosen",
    "reported_seeds_apart": "whether no run that is reported took part in the choice",
    "runs": "finished runs at all values: what the choice cost",
    "steps_trained": "training steps of these runs together",
    "usable_fraction": f"fraction of the values as rarely lost and as often successful as the chosen one, with an "
    f"objective of at most {FACTOR:g} times its: how little the choice matters",
}


def ranked(runs: pd.DataFrame, setting: str, by: str) -> list[dict[str, Any]]:
    """One row per value of the setting, smallest first, over ended runs that differ in it and the seed alone.

    `failure_rate` is the fraction that diverged or failed, `success_rate` that which reached the objective `by`;
    `objective` what decided, with its `mean`, `lowest` and `highest` over runs, and `censored` whether a run counts its
    budget there. Raises SettingError when the runs have no such objective.
    """
    if by not in runs:
        raise SettingError(f"tuning.by={by}: no run has this column")
    seen = runs[list(dict.fromkeys([*SEEN, by, setting]))].copy()
    seen[VALIDATION_LOSS] = numbers(runs, "selected_validation_loss").fillna(numbers(runs, VALIDATION_LOSS))
    reached = by != VALIDATION_LOSS and bool((seen[by].notna() & (seen["status"] == Status.DONE)).any())
    rows = [
        {"value": value, "objective": by if reached else VALIDATION_LOSS} | _summary(of_value, by, reached)
        for value, of_value in seen.groupby(setting, sort=True)
    ]
    for row in rows:
        row["at_edge"] = row["value"] in (rows[0]["value"], rows[-1]["value"])
    best = min(rows, key=_rank)
    return [row | {"chosen": row is best} for row in rows]


def next_value(rows: Sequence[dict[str, Any]]) -> float | int | None:
    """The value beyond the edge of the grid where the edge was chosen, of rows as from `ranked`; else None.

    The grid continues by its step before last, so that 1e-3, 3e-3, 1e-2 continues with 3e-2 above and 3e-4 below; of
    two values by their ratio. None too when a run at the edge diverged or failed, and for values that are not positive.
    """
    (best,) = [row for row in rows if row["chosen"]]
    values = [row["value"] for row in rows]
    is_positive = not any(isinstance(value, str | bool | np.bool_) or value <= 0 for value in values)
    if not (best["at_edge"] and best["failure_rate"] == 0 and len(values) > 1 and is_positive):
        return None
    outward = values if best["value"] == values[-1] else values[::-1]
    ratio = outward[-2] / outward[-3] if len(outward) > 2 else outward[-1] / outward[-2]
    beyond = float(f"{outward[-1] * ratio:.3g}")
    if all(float(value).is_integer() for value in values) and not isinstance(values[0], float):
        return round(beyond) if round(beyond) > 0 and round(beyond) not in values else None
    return beyond


def candidates(results: Results, setting: str) -> pd.DataFrame:
    """The rows of `ranked` for each task, difficulty, cell and variant in other settings.

    Raises SettingError when no run has the setting or all runs have the same value.
    """
    runs = results.runs if results.candidates is None else results.candidates
    if setting not in runs or runs[setting].nunique() < 2:
        raise SettingError(f"tuned={setting}: the runs do not differ in it; sweep it, or set tuned=null")
    if results.candidates is None:
        runs = sorted_runs(runs, ignored=[*results.ignored_settings, setting])
    rows = [
        dict(zip(GROUP, key, strict=True)) | row
        for key, group in runs[runs["status"].isin(ENDED)].groupby(GROUP, sort=False)
        for row in ranked(group, setting, results.tuned_by)
    ]
    return pd.DataFrame(rows)


def tune(results: Results, setting: str, seeds: Sequence[int] = (), by: str = "steps_to_solve") -> Results:
    """The results of the runs with the chosen value; those among which it was chosen are in `candidates`.

    With tuning seeds these are the runs of those seeds, and the results are those of all other seeds; a cell and task
    that has none is among the `missing`. Without, the runs that choose are the runs that are reported. Raises
    SettingError when no run has one of the tuning seeds.
    """
    runs = sorted_runs(results.runs, ignored=[*results.ignored_settings, setting])
    chooses = runs["seed"].isin(seeds) if seeds else pd.Series(True, index=runs.index)
    if not chooses.any():
        raise SettingError(f"tuning.seeds={list(seeds)}: no run has one of these seeds; set tuning.seeds=[]")
    tuned = replace(results, candidates=runs[chooses], tuned=setting, tuned_by=by, tuning_seeds=tuple(seeds))
    table = candidates(tuned, setting)
    chosen = dict.fromkeys(table.loc[table["chosen"], [*GROUP, "value"]].itertuples(False, None))
    keep = np.array([key in chosen for key in runs[[*GROUP, setting]].itertuples(False, None)])
    reported = runs[keep & ~chooses] if seeds else runs[keep]
    has = set(reported[[*GROUP, setting]].itertuples(False, None))
    missing = [f"{cell} {task} {name}={at} {setting}={value}, all seeds to be reported"
               for task, name, at, cell, variant, value in chosen
               if (task, name, at, cell, variant, value) not in has]  # fmt: skip
    return replace(tuned, runs=reported.reset_index(drop=True), missing=[*results.missing, *missing])


def choices(results: Results, setting: str) -> pd.DataFrame:
    """One row per task, difficulty, cell and variant in other settings: the group and CHOICES."""
    seeds = (results.runs if results.candidates is None else results.candidates)["seed"].unique()

    def row(group: pd.DataFrame) -> dict[str, Any]:
        (best,) = group[group["chosen"]].to_dict("records")
        as_good = (group["failure_rate"] <= best["failure_rate"]) & (group["success_rate"] >= best["success_rate"])
        usable = as_good & (group["mean"] <= max(FACTOR * best["mean"], best["mean"]))
        return {
            "chosen": best["value"],
            "at_edge": best["at_edge"],
            "objective": best["objective"],
            "tried": tuple(group["value"]),
            "success_at_tried": tuple(group["success_rate"]),
            "objective_at_tried": tuple(group["mean"]),
            "tuning_seeds": tuple(sorted(map(int, seeds))),
            "reported_seeds_apart": bool(results.tuning_seeds),
            "runs": int(group["runs"].sum()),
            "steps_trained": int(group["steps_trained"].sum()),
            "usable_fraction": float(usable.mean()),
        }

    table, apart = candidates(results, setting), [name for name in GROUP if name != "difficulty"]
    over_all = {key: _over_all(group) for key, group in table.groupby(apart, sort=False)}
    rows = rows_by(GROUP, table, row)
    return rows.assign(chosen_over_all=[over_all[key] for key in rows[apart].itertuples(False, None)])


def _over_all(rows: pd.DataFrame) -> Any:
    """The value that is best over all difficulties, of those tried at each; NaN where there is none."""
    everywhere = rows.groupby("value").filter(lambda each: len(each) == rows["difficulty"].nunique())
    if everywhere.empty:
        return np.nan
    places = everywhere.assign(place=everywhere.groupby("difficulty")["mean"].rank(na_option="bottom"))
    means = places.groupby("value")[["failure_rate", "success_rate", "place"]].mean()
    return means.sort_values(["failure_rate", "success_rate", "place"], ascending=[True, False, True]).index[0]


def _summary(runs: pd.DataFrame, by: str, reached: bool) -> dict[str, Any]:
    done = runs["status"] == Status.DONE
    losses = runs["validation_loss"].where(done)
    success = (runs[by].notna() & done) if reached else pd.Series(False, index=runs.index)
    values = runs[by].where(success, runs["train.steps"]) if reached else losses
    return {
        "runs": len(runs),
        "failure_rate": 1 - float(done.mean()),
        "success_rate": float(success.mean()),
        "mean": float(values.mean()),
        "lowest": float(values.min()),
        "highest": float(values.max()),
        "censored": reached and not bool(success.all()),
        "loss": float(losses.mean()),
        "budget": float(runs["train.steps"].mean()),
        "steps_trained": int(runs["steps_trained"].fillna(0).sum()),
    }


def _rank(row: dict[str, Any]) -> tuple[float, ...]:
    steps = 0.0 if row["objective"] == VALIDATION_LOSS else row["mean"]
    loss = row["loss"] if row["success_rate"] == 0 else 0.0
    ranks = row["failure_rate"], -row["success_rate"], steps, np.inf if np.isnan(loss) else loss
    return *ranks, row["at_edge"], row["value"]
