"""Verdicts on claims: how an interval decides one, and the correction for several tests behind one claim.

A claim of equivalence holds when the whole interval lies within the margins, and fails when it lies wholly outside,
which with a 95% interval is two one-sided tests at 2.5% each; otherwise it is undecided. Sources: Schuirmann (1987);
Wellek, Testing Statistical Hypotheses of Equivalence and Noninferiority (2010).
"""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from rnnbench.analysis.intervals import Interval

LEVEL = 0.05


class Verdict(Enum):
    """The verdict of a measurement on a claim."""

    HOLDS = "holds"
    FAILS = "fails"
    DIFFERS = "differs"
    """Of equivalence: there is a difference, and its interval does not say whether it is within the margin."""
    DEPENDS = "depends"
    """Of several cases: it holds in some and fails in others."""
    UNDECIDED = "undecided"
    """It was measured, and its interval does not decide the claim."""
    NOT_MEASURED = "not measured"
    """The results lack the runs that it needs."""


EQUIVALENCE = {
    Verdict.HOLDS: "equivalent",
    Verdict.FAILS: "differs by more",
    Verdict.DIFFERS: "differs",
    Verdict.UNDECIDED: "not seen",
    Verdict.NOT_MEASURED: Verdict.NOT_MEASURED.value,
}
"""The verdicts on equivalence in words."""


def above(interval: Interval, bound: float = 0.0) -> Verdict:
    """That the quantity is above the bound: UNDECIDED where its interval contains the bound, or has no bounds."""
    if interval.low > bound:
        return Verdict.HOLDS
    return Verdict.FAILS if interval.high < bound else Verdict.UNDECIDED


def below(interval: Interval, bound: float = 0.0) -> Verdict:
    """That the quantity is below the bound: UNDECIDED where its interval contains the bound, or has no bounds."""
    return opposite(above(interval, bound))


def within(interval: Interval, low: float, high: float) -> Verdict:
    """That the quantity lies between two bounds."""
    if interval.low > low and interval.high < high:
        return Verdict.HOLDS
    return Verdict.FAILS if interval.low > high or interval.high < low else Verdict.UNDECIDED


def holds_if(truth: bool) -> Verdict:
    """HOLDS or FAILS, of what needs no interval."""
    return Verdict.HOLDS if truth else Verdict.FAILS


def opposite(verdict: Verdict) -> Verdict:
    """The verdict on the claim's negation."""
    return {Verdict.HOLDS: Verdict.FAILS, Verdict.FAILS: Verdict.HOLDS}.get(verdict, verdict)


def holm(p_values: Float[np.ndarray, " cases"]) -> Float[np.ndarray, " cases"]:
    """The p-values of several cases adjusted by Holm's step-down procedure, in the order given.

    The i-th smallest of m becomes the largest of (m - j + 1) p_(j) over j <= i, at most 1. Rejecting where the adjusted
    value is at most 5% errs in any case at all with probability at most 5%, however the tests depend on each other.
    Source: Holm (1979).
    """
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(p_values.size, 0, -1))
    return np.minimum(stepped, 1)[np.argsort(order)]


class Corrected(NamedTuple):
    """Several cases after the correction, in the order given."""

    verdicts: list[Verdict]
    p_values: Float[np.ndarray, " cases"]
    """NaN for a case that was not measured."""


def holm_corrected(verdicts: Sequence[Verdict], p_values: Sequence[float]) -> Corrected:
    """The cases by Holm's correction: a verdict whose adjusted p-value is above LEVEL is undecided.

    Cases that were not measured take no part, whatever their p-value. A test without a p-value (NaN), as of a single
    run, cannot decide: it counts as 1.
    """
    values = np.asarray(p_values, dtype=np.float64)
    tested = np.array([verdict is not Verdict.NOT_MEASURED for verdict in verdicts], dtype=bool)
    adjusted = np.full(values.size, np.nan)
    adjusted[tested] = holm(np.where(np.isnan(values), 1.0, values)[tested])
    after = [
        Verdict.UNDECIDED if p_value > LEVEL else verdict for verdict, p_value in zip(verdicts, adjusted, strict=True)
    ]
    return Corrected(after, adjusted)


def equivalences_corrected(
    verdicts: Sequence[Verdict], p_margins: Sequence[float], p_differences: Sequence[float]
) -> tuple[Corrected, Float[np.ndarray, " cases"]]:
    """Verdicts on equivalence by Holm's correction, and the adjusted p-values of there being no difference.

    Of each case two hypotheses are tested, that the difference is at a margin and that there is none, each a family of
    its own: at most one of the two can be a wrong rejection. An undecided case whose difference is found DIFFERS.

    Any wrong verdict among four cases of six runs against six, log spread 0.3, no censoring, ratios of steps all 1:
    3.9% of 1,500 simulations; all at the margin of 1.5: 3.1% of 1,000; two of each: 4.1%; all 3: none
    (tests/analysis/test_steps_ratio.py, test_combined_error_of_the_four_verdicts).
    """
    after, (_, p_none) = holm_corrected(verdicts, p_margins), holm_corrected(verdicts, p_differences)
    found = [
        Verdict.DIFFERS if verdict is Verdict.UNDECIDED and p_value <= LEVEL else verdict
        for verdict, p_value in zip(after.verdicts, p_none, strict=True)
    ]
    return Corrected(found, after.p_values), p_none
