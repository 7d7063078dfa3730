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


def holds_if(truth: bool) -> Verdict:
    """HOLDS or FAILS, of what needs no interval."""
    return Verdict.HOLDS if truth else Verdict.FAILS


def above(interval: Interval, bound: float = 0.0) -> Verdict:
    """That the quantity is above the bound: UNDECIDED where its interval holds the bound, or has no bounds."""
    if interval.low > bound:
        return Verdict.HOLDS
    return Verdict.FAILS if interval.high < bound else Verdict.UNDECIDED


def below(interval: Interval, other: Interval) -> Verdict:
    """That one quantity is below the other: UNDECIDED where their intervals overlap."""
    if interval.high < other.low:
        return Verdict.HOLDS
    return Verdict.FAILS if interval.low > other.high else Verdict.UNDECIDED


def within(interval: Interval, margin: float) -> Verdict:
    """That the quantity is within -margin and margin: FAILS where its whole interval lies outside of them."""
    if interval.low > -margin and interval.high < margin:
        return Verdict.HOLDS
    return Verdict.FAILS if interval.low > margin or interval.high < -margin else Verdict.UNDECIDED


def opposite(verdict: Verdict) -> Verdict:
    """The verdict on the claim's negation."""
    return {Verdict.HOLDS: Verdict.FAILS, Verdict.FAILS: Verdict.HOLDS}.get(verdict, verdict)


def decided(verdict: Verdict) -> bool:
    """Whether the claim holds or fails."""
    return verdict in (Verdict.HOLDS, Verdict.FAILS)
