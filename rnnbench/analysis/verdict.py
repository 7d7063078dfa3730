"""Verdicts, and how an interval decides one."""

from enum import Enum

from rnnbench.analysis.intervals import Interval


class Verdict(Enum):
    """The verdict of a measurement on a claim."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"
    """It was measured, and its interval does not decide the claim."""
    NOT_MEASURED = "not measured"
    """The results lack the runs that it needs."""


def above(interval: Interval, bound: float = 0.0) -> Verdict:
    """That the quantity is above the bound: UNDECIDED where its interval contains the bound, or has no bounds."""
    if interval.low > bound:
        return Verdict.HOLDS
    return Verdict.FAILS if interval.high < bound else Verdict.UNDECIDED


def below(interval: Interval, bound: float = 0.0) -> Verdict:
    """That the quantity is below the bound: UNDECIDED where its interval contains the bound, or has no bounds."""
    return above(Interval(-interval.estimate, -interval.high, -interval.low), -bound)


def holds_if(truth: bool) -> Verdict:
    """HOLDS or FAILS, of what needs no interval."""
    return Verdict.HOLDS if truth else Verdict.FAILS


def opposite(verdict: Verdict) -> Verdict:
    """The verdict on the claim's negation."""
    return {Verdict.HOLDS: Verdict.FAILS, Verdict.FAILS: Verdict.HOLDS}.get(verdict, verdict)
