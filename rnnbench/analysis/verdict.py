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


def below_other(interval: Interval, other: Interval) -> Verdict:
    """That one quantity is below another: UNDECIDED where their intervals overlap, which is on the safe side."""
    if interval.high < other.low:
        return Verdict.HOLDS
    return Verdict.FAILS if interval.low > other.high else Verdict.UNDECIDED


def within(interval: Interval, margin: float) -> Verdict:
    """That the quantity is within -margin and margin: FAILS where its whole interval lies outside of them."""
    if interval.low > -margin and interval.high < margin:
        return Verdict.HOLDS
    return Verdict.FAILS if interval.low > margin or interval.high < -margin else Verdict.UNDECIDED


def holds_if(truth: bool) -> Verdict:
    """HOLDS or FAILS, of what needs no interval."""
    return Verdict.HOLDS if truth else Verdict.FAILS


def decided(verdict: Verdict) -> bool:
    """Whether the claim holds or fails."""
    return verdict in (Verdict.HOLDS, Verdict.FAILS)
