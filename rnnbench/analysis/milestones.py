"""Steps to a milestone: the criterion of the task, `solved`, or a weaker one; and the censoring of runs without it.

The same runs count for every number. A run that reached the milestone has its step, whatever came after. One that
diverged or failed before will never reach it; one that trained to its end without reaching it might have later, and is
censored where it ended; one that is still running is left out, and counted as unfinished.
"""

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import stats

from rnnbench.analysis.intervals import (
    CONFIDENCE,
    FEWEST_RUNS_FOR_A_MEDIAN,
    UNDEFINED,
    Interval,
    median_interval,
)
from rnnbench.analysis.results import hint, numbers
from rnnbench.errors import SettingError
from rnnbench.schema import ENDED, Status

SOLVED = "solved"
"""The task's own criterion, confirmed; the strictest milestone."""

BUDGET, CRITERION = "train.steps", "has_criterion"
ROUNDING = 1e-9
"""The Kaplan-Meier curve is a product of fractions: 5/6 * 4/5 * 3/4 may come out just above one half."""


@dataclass(frozen=True, eq=False)
class StepsToSolve:
    """The training steps until solved of one group of runs, one value per run, in the order of the runs.

    `steps`: the step at which the run solved its task, inf when it did not. `budgets`: the steps up to which it is
    known whether it had: those it was to train, for a diverged run too, which never will. `strata`: what is compared
    apart, such as the sequence length; one by default. `seeds`: runs of one seed start from the same weights and so are
    not independent; by default each run has its own. `every`: steps between two evaluations, in which the run solved; 1
    by default.

    Raises ValueError on a run that solved beyond its budget.
    """

    steps: Float[np.ndarray, " runs"]
    budgets: Float[np.ndarray, " runs"]
    strata: Float[np.ndarray, " runs"] = field(default_factory=lambda: np.zeros(0))
    seeds: Float[np.ndarray, " runs"] = field(default_factory=lambda: np.zeros(0))
    every: Float[np.ndarray, " runs"] = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        runs = len(self.steps)
        default = {"strata": np.zeros(runs), "seeds": np.arange(float(runs)), "every": np.ones(runs)}
        for name, values in default.items():
            if not getattr(self, name).size:
                object.__setattr__(self, name, values)
        late = self.solved & (self.steps > self.budgets)
        if late.any():
            bound = f"budgets={self.budgets[late][0]:g}"
            raise ValueError(f"steps={self.steps[late][0]:g}: must be at most {bound}, or inf")

    @property
    def solved(self) -> NDArray[np.bool_]:
        """Whether each run solved its task within its budget."""
        return np.asarray(np.isfinite(self.steps))

    @property
    def last_steps(self) -> NDArray[np.float64]:
        """The step at which each run solved, or else its budget."""
        return np.asarray(np.minimum(self.steps, self.budgets))

    def of(self, stratum: float) -> "StepsToSolve":
        """The runs of one stratum."""
        return StepsToSolve(*(array[self.strata == stratum] for array in vars(self).values()))

    def drawn(self, generator: np.random.Generator) -> "StepsToSolve":
        """The same runs, each solved at a time drawn evenly from those since the evaluation before."""
        earlier = generator.random(self.steps.size) * (self.every - 1)
        return replace(self, steps=np.maximum(self.steps - earlier, np.minimum(self.steps, 1)))


def shared_strata(a: StepsToSolve, b: StepsToSolve) -> list[float]:
    """The strata, which both groups must have in common. Raises ValueError on one that only one of them has."""
    of_a, of_b = set(a.strata.tolist()), set(b.strata.tolist())
    if of_a != of_b:
        alone = min(of_a ^ of_b)
        raise ValueError(f"strata={alone:g}: must be in both groups (leave out what only one of them ran)")
    return sorted(of_a)


class MedianSteps(NamedTuple):
    """The median steps to solve of one group of runs."""

    interval: Interval
    level: float
    """The least probability with which the bounds hold the median: 0.9375 with five runs, at least 0.95 with more; NaN
    without bounds."""


def median_steps(runs: StepsToSolve) -> MedianSteps:
    """The median steps to solve with bounds that hold it whatever the distribution and the censoring.

    The bounds are those of `median_interval`, which hold the median with probability 1 - 2 P(Binomial(n, 1/2) < k), the
    `level`. For a run that did not solve the lower bound counts its budget, the upper one inf: the level is exact where
    no budget ended before a bound, as with equal budgets, and else at least attained.

    The estimate is the first step by which at least half have solved, by Kaplan & Meier (1958); inf when fewer did.
    Fewer than five runs have no bounds, no runs NaN throughout.
    """
    count = runs.steps.size
    if count == 0:
        return MedianSteps(UNDEFINED, math.nan)
    estimate = _kaplan_meier_median(runs)
    if count < FEWEST_RUNS_FOR_A_MEDIAN:
        return MedianSteps(Interval(estimate), math.nan)
    low, high = median_interval(runs.last_steps).low, median_interval(runs.steps).high
    k = max(1, int(stats.binom.ppf((1 - CONFIDENCE) / 2, count, 0.5)))  # the first with a larger tail; of five runs 1
    return MedianSteps(Interval(estimate, low, high), 1 - 2 * float(stats.binom.cdf(k - 1, count, 0.5)))


def _kaplan_meier_median(runs: StepsToSolve) -> float:
    """The first step t with S(t) = prod over s <= t of (1 - d_s/n_s) <= 1/2, d_s of the n_s runs left solving at s."""
    last, solved = runs.last_steps, runs.solved
    unsolved = stats.ecdf(stats.CensoredData(uncensored=last[solved], right=last[~solved])).sf
    reached = np.asarray(unsolved.quantiles)[np.asarray(unsolved.probabilities) <= 0.5 + ROUNDING]
    return float(reached[0]) if reached.size else math.inf


def steps_column(milestone: str) -> str:
    """The column with the steps to a milestone."""
    return "steps_to_solve" if milestone == SOLVED else f"steps_to_{milestone}"


def check_milestone(runs: pd.DataFrame, milestone: str) -> None:
    """Raise SettingError, naming the known milestones, when no run has a column of steps to this one."""
    if steps_column(milestone) not in runs:
        steps = [name.removeprefix("steps_to_") for name in map(str, runs) if name.startswith("steps_to_")]
        known = [SOLVED if name == "solve" else name for name in steps]
        needed = f"needs the column {steps_column(milestone)!r}, which no run has"
        raise SettingError(f"milestone={milestone}: {needed}; {hint(milestone, known)}")


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
    epochs, planned, trained = (numbers(runs, column) for column in ("budget_steps", BUDGET, "steps_trained"))
    return np.asarray(epochs.fillna(planned).fillna(trained).fillna(0), dtype=np.float64)


def stopped_by_solving(runs: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether each finished run ended its training because it had solved the task, before its budget was spent.

    Where it is not recorded why a run ended, any that trained less than its budget counts.
    """
    early = (runs["status"] == Status.DONE) & (numbers(runs, "steps_trained") < budgets(runs))
    if "training_ended_by" in runs:
        early &= runs["training_ended_by"].isna() | (runs["training_ended_by"] == "solved")
    return early.to_numpy()


def reached(runs: pd.DataFrame, milestone: str = SOLVED) -> NDArray[np.bool_]:
    """Whether each run reached the milestone."""
    return numbers(runs, steps_column(milestone)).notna().to_numpy()


def steps_to(runs: pd.DataFrame, milestone: str = SOLVED) -> StepsToSolve:
    """The steps of ended runs to the milestone, their tasks' difficulties being the strata, as numbers in order.

    A run that did not reach it is censored at the steps it has trained, and one that diverged or failed has not reached
    it by its whole budget. A milestone met before the first step counts as met at step 1. Runs of one seed belong
    together, and steps are known to the steps between two evaluations, where that was recorded.
    """
    steps, trained, planned = numbers(runs, steps_column(milestone)), numbers(runs, "steps_trained"), budgets(runs)
    censored = steps.isna() & (runs["status"] == Status.DONE)
    known = np.where(censored, np.fmin(trained, planned), planned)
    strata = runs["difficulty"]
    if any(isinstance(value, str) for value in strata):
        strata = pd.Series(pd.factorize(strata.astype(str), sort=True)[0])
    seeds, every = (numbers(runs, name).fillna(1).to_numpy(float) for name in ("seed", "train.eval_every"))
    return StepsToSolve(steps.clip(lower=1).fillna(np.inf).to_numpy(float), known, strata.to_numpy(float), seeds, every)
