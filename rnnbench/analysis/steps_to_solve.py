"""Steps to solve of one group of runs, censored where the budget ended, in strata; and their median."""

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import stats

from rnnbench.analysis.intervals import CONFIDENCE, FEWEST_RUNS_FOR_A_MEDIAN, UNDEFINED, Interval, median_interval
from rnnbench.analysis.samples import as_float_array

ROUNDING = 1e-9
"""The Kaplan-Meier curve is a product of fractions: 5/6 * 4/5 * 3/4 may come out just above one half."""


@dataclass(frozen=True, eq=False)
class StepsToSolve:
    """The training steps until solved of one group of runs, one value per run, in the order of the runs.

    `steps`: the step at which the run solved its task, inf when it did not. `budgets`: the steps up to which it is
    known whether it had: those it was to train, for a diverged run too, which never will. `strata`: what is compared
    apart, such as the sequence length; all runs are one stratum by default. `seeds`: runs of one seed start from the
    same weights and so are not independent, whatever their strata; each run has its own by default. `every`: a run is
    looked at every so many steps, so that it solved in one of the last `every` steps up to its step; 1 by default.

    Raises ValueError on NaN, on arrays of different lengths, on steps or budgets that are not positive and on a run
    that solved beyond its budget.
    """

    steps: Float[np.ndarray, " runs"]
    budgets: Float[np.ndarray, " runs"]
    strata: Float[np.ndarray, " runs"] = field(default_factory=lambda: np.zeros(0))
    seeds: Float[np.ndarray, " runs"] = field(default_factory=lambda: np.zeros(0))
    every: Float[np.ndarray, " runs"] = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        steps = as_float_array(self.steps, "steps", allow_infinity=True, remedy="inf: not solved within the budget")
        budgets = as_float_array(self.budgets, "budgets", remedy="the steps that the run was to train")
        strata = as_float_array(self.strata, "strata", remedy="a number for each stratum, such as the length")
        strata = strata if strata.size else np.zeros(steps.size)
        seeds = as_float_array(self.seeds, "seeds", remedy="the seed of each run")
        seeds = seeds if seeds.size else np.arange(float(steps.size))
        every = as_float_array(self.every, "every", remedy="the steps between two evaluations")
        every = every if every.size else np.ones(steps.size)
        arrays = {"steps": steps, "budgets": budgets, "strata": strata, "seeds": seeds, "every": every}
        for name, array in arrays.items():
            if array.size != steps.size:
                raise ValueError(f"{name}.size={array.size}: must be {steps.size}, the number of steps given")
            if name not in ("strata", "seeds") and array.size and array.min() <= 0:
                raise ValueError(f"{name}={array.min():g}: must be above 0 (training steps)")
            object.__setattr__(self, name, array)
        late = np.isfinite(steps) & (steps > budgets)
        if late.any():
            run = int(np.argmax(late))
            raise ValueError(f"steps[{run}]={steps[run]:g}: must be at most budgets[{run}]={budgets[run]:g}, or inf")

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
        chosen = self.strata == stratum
        arrays = (self.steps, self.budgets, self.strata, self.seeds, self.every)
        return StepsToSolve(*(array[chosen] for array in arrays))

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

    The number of runs below the median is Binomial(n, 1/2), so the k-th smallest and the k-th largest step hold it with
    probability 1 - 2 P(X < k), the `level`; k is that of `median_interval`. A run that did not solve has a step beyond
    its budget: the lower bound counts its budget, the upper one inf. So the level is exact where no budget ended before
    a bound, as with equal budgets, and else at least attained; the bounds of Brookmeyer & Crowley on the Kaplan-Meier
    curve are narrower but only approximate.

    The estimate is the first step by which at least half have solved, by Kaplan-Meier; inf when fewer did. Fewer than
    five runs have no bounds, no runs NaN throughout. Sources: Conover, Practical Nonparametric Statistics (1999), 3.2;
    Kaplan & Meier (1958).
    """
    count = runs.steps.size
    if count == 0:
        return MedianSteps(UNDEFINED, math.nan)
    estimate = _kaplan_meier_median(runs)
    if count < FEWEST_RUNS_FOR_A_MEDIAN:
        return MedianSteps(Interval(estimate), math.nan)
    low, high = median_interval(runs.last_steps).low, median_interval(runs.steps).high
    return MedianSteps(Interval(estimate, low, high), _level(count))


def _kaplan_meier_median(runs: StepsToSolve) -> float:
    """The first step t with S(t) = prod over s <= t of (1 - d_s/n_s) <= 1/2, d_s of the n_s runs left solving at s."""
    last, solved = runs.last_steps, runs.solved
    unsolved = stats.ecdf(stats.CensoredData(uncensored=last[solved], right=last[~solved])).sf
    reached = np.asarray(unsolved.quantiles)[np.asarray(unsolved.probabilities) <= 0.5 + ROUNDING]
    return float(reached[0]) if reached.size else math.inf


def _level(runs: int) -> float:
    """What the bounds of `median_interval` hold: the largest k with both tails at most 2.5%, and 1 for five runs."""
    below = int(stats.binom.ppf((1 - CONFIDENCE) / 2, runs, 0.5))  # the first with a larger tail
    return 1 - 2 * float(stats.binom.cdf(max(below, 1) - 1, runs, 0.5))
