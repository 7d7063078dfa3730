"""Verdicts, and how an interval decides one."""

from enum import Enum

from rnnbench.analysis.intervals import Interval


class Verdict(Enum):
    """What a measurement says of a claim."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"
    """It was measured, and its interval leaves the claim open."""
    NOT_MEASURED = "not measured"
    """The results have no runs that speak to it."""


def above(interval: Interval, bound: float = 0.0) -> Verdict:
    """That the quantity is above the bound: UNDECIDED where its interval holds the bound, or has no bounds."""
    if interval.low > bound:
        return Verdict.HOLDS
    return Verdict.FAILS if interval.high < bound else Verdict.UNDECIDED


def below(interval: Interval, bound: float = 0.0) -> Verdict:
    """That the quantity is below the bound: UNDECIDED where its interval holds the bound, or has no bounds."""
    return above(Interval(-interval.estimate, -interval.high, -interval.low), -bound)
