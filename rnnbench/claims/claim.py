"""What a claim is: a sentence of the notes, a measurement, and a rule that makes it a verdict."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import Verdict, holm_corrected
from rnnbench.errors import SettingError


class Kind(Enum):
    """How a claim is settled."""

    MEASURED = "measured"
    BY_CONSTRUCTION = "by construction"
    """It follows from the equations. What is computed checks the code, and repeating it adds no evidence."""


class Overall(Enum):
    """The overall verdict of a claim's cases."""

    HOLDS = "holds"
    FAILS = "fails"
    DEPENDS = "depends"
    """It holds in some cases and fails in others."""
    UNDECIDED = "undecided"
    """Some cases are undecided, and the others do not contradict each other."""
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Count:
    """A number of runs out of all of them."""

    successes: int
    runs: int


Evidence = Mapping[str, float | str | Interval | Count]
"""Further numbers by name, reported with a case. No verdict depends on them."""


@dataclass(frozen=True)
class Significance:
    """The test behind a verdict."""

    test: str
    p_value: float
    """Of this case alone; NaN when it could not be computed."""
    p_holm: float = math.nan
    """Adjusted for all cases of the claim by Holm's method."""


@dataclass(frozen=True)
class Case:
    """A claim under one condition: the values that make the condition, by name, and what was measured under it."""

    condition: Mapping[str, Any]
    verdict: Verdict
    number: Interval
    unit: str
    runs: tuple[str, ...] = ()
    """The names of the runs behind it; none for what is true by construction."""
    significance: Significance | None = None
    """None for what needs no test: what is true by construction."""
    detectable: float = math.nan
    """The smallest difference that this many runs find with 80% probability, by a test at 5%; NaN: not known."""
    detectable_unit: str = ""
    details: Evidence = field(default_factory=dict)
    beside: bool = False
    """Whether it is only reported, and takes no part in the claim's overall verdict."""


@dataclass(frozen=True)
class Finding:
    """The result of a claim's measurement: its cases, none if it was not measured, and their overall verdict."""

    cases: tuple[Case, ...]
    overall: Overall
    missing: str = ""
    """What the results lack, if it was not measured."""


class NotMeasuredError(Exception):
    """The results lack the runs or columns that a claim needs, which the message names."""


@dataclass(frozen=True)
class Claim:
    """A claim of the notes. `judge` raises NotMeasuredError when the results lack what it needs."""

    name: str
    sentence: str
    notes: str
    kind: Kind
    measurement: str
    rule: str
    judge: Callable[[Results], list[Case]]
    somewhere: str = ""
    """A name in the conditions: of cases that differ in it alone one that holds is enough, such as one length."""


def finding(claim: Claim, results: Results) -> Finding:
    """The claim tested on the results, its cases corrected for multiple testing."""
    try:
        cases = corrected(claim.judge(results))
    except (NotMeasuredError, SettingError) as error:
        return Finding((), Overall.NOT_MEASURED, str(error))
    return Finding(tuple(cases), overall(cases, claim.somewhere))


def corrected(cases: list[Case]) -> list[Case]:
    """The cases with p-values adjusted by Holm's method, undecided where the adjusted one is above 5%.

    A case without a test is left as it is.
    """
    tested = [(index, case.significance) for index, case in enumerate(cases) if case.significance]
    together = holm_corrected([cases[index].verdict for index, _ in tested], [each.p_value for _, each in tested])
    found = list(cases)
    for (index, each), verdict, p_holm in zip(tested, *together, strict=True):
        found[index] = replace(cases[index], verdict=verdict, significance=replace(each, p_holm=float(p_holm)))
    return found


def overall(cases: list[Case], somewhere: str = "") -> Overall:
    """The overall verdict of the cases, without those that are only reported.

    Of cases that differ in `somewhere` alone, one that holds makes them hold, and they fail where all do.
    """
    groups: dict[tuple[Any, ...], set[Verdict]] = {}
    for case in cases:
        if not case.beside:
            key = tuple((name, value) for name, value in case.condition.items() if name != somewhere)
            groups.setdefault(key, set()).add(case.verdict)
    verdicts = {_together(found, bool(somewhere)) for found in groups.values()}
    if verdicts <= {Overall.NOT_MEASURED}:
        return Overall.NOT_MEASURED
    if {Overall.HOLDS, Overall.FAILS} <= verdicts or Overall.DEPENDS in verdicts:
        return Overall.DEPENDS
    return verdicts.pop() if len(verdicts) == 1 else Overall.UNDECIDED


def _together(verdicts: set[Verdict], one_suffices: bool) -> Overall:
    if one_suffices and Verdict.HOLDS in verdicts:
        return Overall.HOLDS
    if len(verdicts) == 1:
        return Overall(next(iter(verdicts)).value)
    return Overall.DEPENDS if {Verdict.HOLDS, Verdict.FAILS} <= verdicts else Overall.UNDECIDED
