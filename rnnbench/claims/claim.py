"""What a claim is: a sentence of the notes, a measurement, and a rule that makes it a verdict."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rnnbench.analysis.intervals import UNDEFINED, Interval
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import EQUIVALENCE, LEVEL, Verdict, equivalences_corrected, holm_corrected
from rnnbench.errors import SettingError


@dataclass(frozen=True)
class Case:
    """A claim under one condition: the values that make the condition, by name, and what was measured under it."""

    condition: Mapping[str, Any]
    verdict: Verdict
    number: Interval
    unit: str
    runs: tuple[str, ...] = ()
    """The names of the runs behind it; none for what is true by construction."""
    test: str = ""
    """The test behind the verdict; none for what is true by construction."""
    p_value: float = math.nan
    """Of this case alone; NaN when it could not be computed."""
    detectable: float | Callable[[float], float] = math.nan
    """The smallest difference that this many runs find with 80% probability; NaN: not known. As a function of the level
    of the test, which `corrected` calls with 5% over the number of cases."""
    detectable_unit: str = ""
    details: Mapping[str, float | str | Interval | tuple[int, int]] = field(default_factory=dict)
    """Further numbers by name, a pair being runs out of all. No verdict depends on them."""
    reported_only: bool = False
    """Whether it takes no part in the claim's overall verdict."""
    p_holm: float = math.nan
    """The p-value adjusted for all cases of the claim by Holm's method."""
    p_difference: float | None = None
    """Of a case of equivalence, whose `p_value` is at the margins: that there is no difference; NaN as there."""
    p_difference_holm: float = math.nan
    """The same adjusted."""

    @property
    def verdict_in_words(self) -> str:
        """The verdict; of equivalence whether it is equivalent, differs or no difference is seen."""
        return self.verdict.value if self.p_difference is None else EQUIVALENCE[self.verdict]


def not_measured(reason: str, condition: Mapping[str, Any] | None = None) -> Case:
    """A case, or the only one of a claim, for which the results lack something."""
    return Case(condition or {}, Verdict.NOT_MEASURED, UNDEFINED, "", details={"": reason})


@dataclass(frozen=True)
class Claim:
    """A claim of the notes. `judge` raises SettingError, which names it, when the results lack what it needs."""

    name: str
    sentence: str
    notes: str
    measurement: str
    rule: str
    judge: Callable[[Results], list[Case]]
    somewhere: str = ""
    """A name in the conditions: of cases that differ in it alone one that holds is enough, such as one length."""
    by_construction: bool = False
    """It follows from the equations. What is computed checks the code, and repeating it adds no evidence."""


def cases_of(claim: Claim, results: Results) -> list[Case]:
    """The claim's cases, corrected for multiple testing; one that says what the results lack, where they do."""
    try:
        return corrected(claim.judge(results)) or [not_measured("")]
    except SettingError as error:
        return [not_measured(str(error))]


def corrected(cases: list[Case]) -> list[Case]:
    """The cases with p-values adjusted by Holm's method, undecided where the adjusted one is above 5%.

    A case without a test is left as it is.
    """
    tested = [case for case in cases if case.test]
    verdicts, p_values = [case.verdict for case in tested], [case.p_value for case in tested]
    if any(case.p_difference is not None for case in tested):
        p_none = [math.nan if case.p_difference is None else case.p_difference for case in tested]
        together, p_differences = equivalences_corrected(verdicts, p_values, p_none)
    else:
        together, p_differences = holm_corrected(verdicts, p_values), np.full(len(tested), math.nan)
    found = (
        replace(
            case,
            verdict=verdict,
            p_holm=float(p_holm),
            p_difference_holm=float(p_difference),
            detectable=case.detectable(LEVEL / len(tested)) if callable(case.detectable) else case.detectable,
        )
        for case, verdict, p_holm, p_difference in zip(tested, *together, p_differences, strict=True)
    )
    return [next(found) if case.test else case for case in cases]


def overall(cases: list[Case], somewhere: str = "") -> Verdict:
    """The overall verdict of the cases, without those that are only reported.

    Of cases that differ in `somewhere` alone, one that holds makes them hold, and they fail where all do. Of cases of
    equivalence, none of them equivalent, those that differ make the claim differ, whatever the others.
    """
    groups: dict[tuple[Any, ...], set[Verdict]] = {}
    for case in cases:
        if not case.reported_only:
            key = tuple((name, value) for name, value in case.condition.items() if name != somewhere)
            groups.setdefault(key, set()).add(case.verdict)
    verdicts = {
        Verdict.HOLDS if somewhere and Verdict.HOLDS in found else _together(found) for found in groups.values()
    }
    against = verdicts & {Verdict.FAILS, Verdict.DIFFERS}
    of_equivalence = any(case.p_difference is not None for case in cases)
    if of_equivalence and against and verdicts != {Verdict.FAILS} and Verdict.HOLDS not in verdicts:
        return Verdict.DIFFERS
    return _together(verdicts) if verdicts else Verdict.NOT_MEASURED


def _together(verdicts: set[Verdict]) -> Verdict:
    against = {Verdict.FAILS, Verdict.DIFFERS} & verdicts
    if (Verdict.HOLDS in verdicts and against) or Verdict.DEPENDS in verdicts:
        return Verdict.DEPENDS
    return next(iter(verdicts)) if len(verdicts) == 1 else Verdict.UNDECIDED
