"""What a claim is: a sentence of the notes, a measurement, and a rule that makes it a verdict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from rnnbench.analysis.intervals import UNDEFINED, Interval
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import Verdict


@dataclass(frozen=True)
class Count:
    """So many of so many runs."""

    successes: int
    runs: int


@dataclass(frozen=True)
class Reach:
    """The longest length that a cell solves, 0 for none, and the lengths that were tested."""

    longest: float
    tested: tuple[float, ...]

    @property
    def ends_within(self) -> bool:
        """Whether it stops solving before the longest length tested."""
        return self.longest < self.tested[-1]


Evidence = Mapping[str, float | Interval | Count | Reach]
"""Numbers by name that a verdict rests on or that are told beside it."""


@dataclass(frozen=True)
class Case:
    """A claim under one condition: the values that make the condition, by name, and what was measured under it."""

    condition: Mapping[str, Any]
    verdict: Verdict
    value: Interval
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """What came of a claim's measurement: its main number, the runs behind it and its cases, none if not measured."""

    number: Interval
    runs: pd.DataFrame
    cases: tuple[Case, ...]
    evidence: Evidence = field(default_factory=dict)
    """What is told beside all cases."""
    missing: str = ""
    """What the results lack, if it was not measured."""
    stops_solving: bool = False
    """Whether the claim's cell stops solving its task within the lengths tested; beside the verdict."""

    def by_verdict(self) -> dict[Verdict, list[Case]]:
        """The cases of each verdict that there is, in the order of `Verdict`; NOT_MEASURED without a case."""
        if not self.cases:
            return {Verdict.NOT_MEASURED: []}
        found = {verdict: [case for case in self.cases if case.verdict is verdict] for verdict in Verdict}
        return {verdict: cases for verdict, cases in found.items() if cases}


class NotMeasuredError(Exception):
    """The results lack the runs or columns that a claim needs, which the message names."""


@dataclass(frozen=True)
class Claim:
    """A claim of the notes. `judge` raises NotMeasuredError when the results do not speak to it."""

    name: str
    sentence: str
    notes: str
    measurement: str
    rule: str
    unit: str
    """What the main number is a number of."""
    judge: Callable[[Results], Finding]
    condition: str = "condition"
    """What its cases differ in."""


def finding(claim: Claim, results: Results) -> Finding:
    """What the results say of the claim."""
    try:
        return claim.judge(results)
    except NotMeasuredError as error:
        return Finding(UNDEFINED, results.runs.head(0), (), missing=str(error))
