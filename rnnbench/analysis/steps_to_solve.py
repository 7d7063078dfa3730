"""Steps to solve as the comparisons take them: one group of runs, censored where the budget ended, in strata."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from rnnbench.analysis.samples import as_float_array


@dataclass(frozen=True, eq=False)
class StepsToSolve:
    """The training steps until solved of one group of runs, one value per run, in the order of the runs.

    `steps`: the step at which the run solved its task, inf when it did not; a diverged run never will, so it is inf as
    well. `budgets`: the steps up to which it is known whether the run had solved: those it was to train (train.steps),
    for a diverged run too; for a run that is not finished those it has trained. `strata`: what is compared apart,
    such as the sequence length; all runs are one stratum by default.

    Raises ValueError on NaN, on arrays of different lengths, on steps or budgets that are not positive and on a run
    that solved beyond its budget.
    """

    steps: Float[np.ndarray, " runs"]
    budgets: Float[np.ndarray, " runs"]
    strata: Float[np.ndarray, " runs"] = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        steps = as_float_array(self.steps, "steps", allow_infinity=True, remedy="inf: not solved within the budget")
        budgets = as_float_array(self.budgets, "budgets", remedy="the steps that the run was to train")
        strata = as_float_array(self.strata, "strata", remedy="a number for each stratum, such as the length")
        strata = strata if strata.size else np.zeros(steps.size)
        for name, array in (("budgets", budgets), ("strata", strata)):
            if array.size != steps.size:
                raise ValueError(f"{name}.size={array.size}: must be {steps.size}, the number of steps given")
        for name, array in (("steps", steps), ("budgets", budgets)):
            if array.size and array.min() <= 0:
                raise ValueError(f"{name}={array.min():g}: must be above 0 (training steps)")
        late = np.isfinite(steps) & (steps > budgets)
        if late.any():
            run = int(np.argmax(late))
            raise ValueError(f"steps[{run}]={steps[run]:g}: must be at most budgets[{run}]={budgets[run]:g}, or inf")
        for name, array in (("steps", steps), ("budgets", budgets), ("strata", strata)):
            object.__setattr__(self, name, array)

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
        return StepsToSolve(self.steps[chosen], self.budgets[chosen], self.strata[chosen])


def shared_strata(a: StepsToSolve, b: StepsToSolve) -> list[float]:
    """The strata, which both groups must have in common. Raises ValueError on one that only one of them has."""
    of_a, of_b = set(a.strata.tolist()), set(b.strata.tolist())
    if of_a != of_b:
        alone = min(of_a ^ of_b)
        raise ValueError(f"strata={alone:g}: must be in both groups (leave out what only one of them ran)")
    return sorted(of_a)
