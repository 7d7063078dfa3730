"""Steps to a milestone: the criterion of the task, `solved`, or a weaker one; and the censoring of runs without it.

The same runs count for every number. A run that reached the milestone has its step, whatever came after. One that
diverged or failed before will never reach it; one that trained to its end without reaching it might have later, and is
censored where it ended; one that is still running is left out, and counted as unfinished.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnbench.analysis.steps_to_solve import StepsToSolve
from rnnbench.errors import SettingError
from rnnbench.schema import ENDED, Status

SOLVED = "solved"
"""The task's own criterion, confirmed; the strictest milestone."""

BUDGET = "train.steps"
CRITERION = "has_criterion"
EVERY = "train.eval_every"


def steps_column(milestone: str) -> str:
    """The column with the steps to a milestone."""
    return "steps_to_solve" if milestone == SOLVED else f"steps_to_{milestone}"


def check_milestone(runs: pd.DataFrame, milestone: str) -> None:
    """Raise SettingError, naming the known milestones, when no run has a column of steps to this one."""
    if steps_column(milestone) not in runs:
        steps = [name.removeprefix("steps_to_") for name in map(str, runs) if name.startswith("steps_to_")]
        known = [SOLVED if name == "solve" else name for name in steps]
        raise SettingError(
            f"milestone={milestone}: needs the column {steps_column(milestone)!r}, which no run has; "
            f"there are {', '.join(known) or 'none'}"
        )


def has_criterion(runs: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether each run's task says when it is solved; true where that was not recorded."""
    if CRITERION not in runs:
        return np.ones(len(runs), bool)
    by_task = (runs[CRITERION].astype(str) != "False").groupby(runs["task"]).transform("all")
    return np.asarray(by_task, bool)


def with_milestone(runs: pd.DataFrame, milestone: str) -> pd.DataFrame:
    """The runs whose task has the milestone. Raises SettingError when no task says when it is solved."""
    if milestone != SOLVED or runs.empty:
        return runs
    having = runs[has_criterion(runs)]
    if having.empty:
        raise SettingError("needs a task that says when it is solved; compare losses (table=[paired_differences])")
    return having


def trained_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that ended and were to train: those that steps and success are computed from."""
    return runs[runs["status"].isin(ENDED) & (budgets(runs) > 0)]


def budgets(runs: pd.DataFrame) -> NDArray[np.float64]:
    """The steps that each run was to train, also where they are set in epochs; else those that it has trained."""
    planned = pd.to_numeric(runs["steps_trained"]).fillna(0)
    for column in (BUDGET, "budget_steps"):
        if column in runs:
            planned = pd.to_numeric(runs[column]).astype(float).fillna(planned)
    return planned.to_numpy(float)


def stopped_by_solving(runs: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether each finished run ended its training because it had solved the task, before its budget was spent.

    Where it is not recorded why a run ended, any that trained less than its budget counts.
    """
    done = (runs["status"] == Status.DONE).to_numpy()
    early = done & (pd.to_numeric(runs["steps_trained"]).to_numpy(float) < budgets(runs))
    if "training_ended_by" in runs:
        ended_by = runs["training_ended_by"]
        early &= (ended_by.isna() | (ended_by == "solved")).to_numpy()
    return early


def reached(runs: pd.DataFrame, milestone: str = SOLVED) -> NDArray[np.bool_]:
    """Whether each run reached the milestone."""
    return pd.to_numeric(runs[steps_column(milestone)]).notna().to_numpy()


def steps_to(runs: pd.DataFrame, milestone: str = SOLVED) -> StepsToSolve:
    """The steps of ended runs to the milestone, their tasks' difficulties being the strata, as numbers in order.

    A run that did not reach it is censored at the steps it has trained, and one that diverged or failed has not reached
    it by its whole budget. A milestone met before the first step counts as met at step 1. Runs of one seed belong
    together, and steps are known to the steps between two evaluations, where that was recorded.
    """
    steps = pd.to_numeric(runs[steps_column(milestone)]).to_numpy(float)
    planned, trained = budgets(runs), pd.to_numeric(runs["steps_trained"]).to_numpy(float)
    censored = np.isnan(steps) & (runs["status"] == Status.DONE).to_numpy()
    known = np.where(censored & ~np.isnan(trained), np.minimum(trained, planned), planned)
    strata = runs["difficulty"]
    if any(isinstance(value, str) for value in strata):
        strata = pd.Series(pd.factorize(strata.astype(str), sort=True)[0])
    seeds = pd.to_numeric(runs["seed"]).to_numpy(float)
    every = pd.to_numeric(runs[EVERY]).fillna(1).to_numpy(float) if EVERY in runs else np.ones(len(runs))
    reached_at = np.where(np.isnan(steps), np.inf, np.maximum(steps, 1))
    return StepsToSolve(reached_at, known, strata.to_numpy(float), seeds, every)
