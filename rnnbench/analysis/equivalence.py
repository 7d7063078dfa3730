"""Equivalence: two groups differ by less than a margin, stated in the unit of the quantity.

A claim of equivalence holds when the whole interval lies within the margins, and fails when it lies wholly outside;
otherwise it is undecided: that a difference is not found is no evidence that there is none. With a 95% interval this
is two one-sided tests at 2.5% each, so that equivalence is said of a quantity at the margin or beyond in at most 2.5%
of cases; with a 90% interval it is 5%.

Sources: Schuirmann (1987); Wellek, Testing Statistical Hypotheses of Equivalence and Noninferiority (2010).
"""

from typing import NamedTuple

import numpy as np

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.log_rank import PERMUTATIONS, permutation_p_values
from rnnbench.analysis.steps_ratio import steps_ratio
from rnnbench.analysis.steps_to_solve import StepsToSolve
from rnnbench.analysis.verdict import Verdict

FACTOR = 1.5
"""Steps to solve within this factor of each other count as equivalent; a convention, stated with every verdict."""


def within_margin(difference: Interval, margin: float) -> Verdict:
    """That a difference lies between -margin and margin, both in its unit, such as decades of loss.

    Raises ValueError on a margin that is not positive.
    """
    if not margin > 0:
        raise ValueError(f"margin={margin}: must be above 0 (in the unit of the difference)")
    return _within(difference, -margin, margin)


def within_factor(ratio: Interval, factor: float = FACTOR) -> Verdict:
    """That a ratio lies between 1/factor and factor. Raises ValueError on a factor that is not above 1."""
    _check_factor(factor)
    return _within(ratio, 1 / factor, factor)


class StepsEquivalence(NamedTuple):
    """Whether two groups take as many steps to solve, within a factor."""

    ratio: Interval
    """Steps of group a over those of group b."""
    verdict: Verdict
    p_value: float
    """The larger of the two-sided permutation p-values at 1/factor and factor: for a correction over several cases.

    Small both for equivalence and for a difference beyond the factor; the verdict says which.
    """


def steps_equivalence(
    a: StepsToSolve,
    b: StepsToSolve,
    generator: np.random.Generator,
    factor: float = FACTOR,
    permutations: int = PERMUTATIONS,
) -> StepsEquivalence:
    """That the steps to solve of two groups are within a factor of each other, from the 95% interval of `steps_ratio`.

    Raises ValueError as `steps_ratio` does, and on a factor that is not above 1.
    """
    _check_factor(factor)
    ratio = steps_ratio(a, b, generator, permutations)
    if a.steps.size == 0:
        return StepsEquivalence(ratio, Verdict.UNDECIDED, 1.0)
    _, p_values = permutation_p_values(a, b, np.array([1 / factor, factor]), generator, permutations)
    return StepsEquivalence(ratio, within_factor(ratio, factor), float(p_values.max()))


def _check_factor(factor: float) -> None:
    if not factor > 1:
        raise ValueError(f"factor={factor}: must be above 1 (1.5: from two thirds to one and a half)")


def _within(interval: Interval, low: float, high: float) -> Verdict:
    if interval.low > low and interval.high < high:
        return Verdict.HOLDS
    return Verdict.FAILS if interval.low > high or interval.high < low else Verdict.UNDECIDED
