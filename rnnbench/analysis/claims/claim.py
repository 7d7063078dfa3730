"""What a claim is: a sentence of the notes, a measurement, and a rule that makes it a verdict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from rnnbench.analysis.equal_terms import WIDTH
from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.results import Results

COLUMNS: dict[str, str] = {
    "claim": "the claim's name",
    "sentence": "what the notes say",
    "notes": "the notes that say it",
    "measurement": "what was measured",
    "rule": "how the verdict follows from it",
    "number": "the measurement's main number; with its bounds where it has any",
    "unit": "what it is a number of",
    "details": "the other numbers that the verdict rests on",
    "runs": "runs behind it",
    "run_names": "their names",
    "verdict": "holds, fails, depends on something that is named, undecided, or not measured",
}

NOT_MEASURED = "not measured"

MEASURED = ("done", "diverged")
"""Runs that say something; a diverged one counts as one that did not solve its task."""


@dataclass(frozen=True)
class Finding:
    """What came of a claim's measurement."""

    number: Interval
    runs: pd.DataFrame
    verdict: str
    details: list[str] = field(default_factory=list)


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
    judge: Callable[[Results], Finding]


def row(claim: Claim, results: Results) -> dict[str, Any]:
    """The claim's row of the table."""
    said = {name: getattr(claim, name) for name in ("sentence", "notes", "measurement", "rule", "unit")}
    try:
        finding = claim.judge(results)
    except NotMeasuredError as error:
        finding = Finding(Interval(float("nan")), results.runs.head(0), f"{NOT_MEASURED}: {error}")
    names = sorted(finding.runs["run"].unique())
    number = finding.number
    return (
        {"claim": claim.name, **said}
        | {"number": number.estimate, "number_low": number.low, "number_high": number.high}
        | {"details": "; ".join(finding.details), "runs": len(names), "run_names": " ".join(names)}
        | {"verdict": finding.verdict}
    )


def select(results: Results, **conditions: Any) -> pd.DataFrame:
    """The measured runs with these values in these columns, two underscores standing for a dot; a list is any of them.

    Raises NotMeasuredError when there are none.
    """
    runs = results.runs[results.runs["status"].isin(MEASURED)]
    for name, wanted in conditions.items():
        column = name.replace("__", ".")
        values = wanted if isinstance(wanted, list) else [wanted]
        if column not in runs:
            raise NotMeasuredError(f"needs the column {column}")
        runs = runs[runs[column].isin(values)]
        if runs.empty:
            raise NotMeasuredError(f"needs runs with {column}={'|'.join(map(str, values))}")
    return runs


def trained_at_one_width(runs: pd.DataFrame) -> pd.DataFrame:
    """The trained runs of the width that all cells have; of several, that of the most runs. Empty without one."""
    trained = runs[runs["train.steps"] > 0]
    cells_of = trained.groupby(WIDTH)["cell"].nunique()
    common = trained[trained[WIDTH].isin(cells_of[cells_of == trained["cell"].nunique()].index)]
    (width,) = common[WIDTH].mode()[:1] if len(common) else (None,)
    return common.loc[common[WIDTH] == width]


def measured(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """The runs that have a value in the column. Raises NotMeasuredError when none has."""
    if column not in runs or runs[column].isna().all():
        raise NotMeasuredError(f"needs the column {column}")
    return runs[runs[column].notna()]


def verdict(cases: Mapping[str, bool | None], dimension: str) -> str:
    """One verdict from the claim's truth in each case: None is a case that its interval leaves open."""
    said = {truth: [case for case, value in cases.items() if value is truth] for truth in (True, False, None)}
    if not said[False] and not said[None]:
        return "holds"
    if not said[True] and not said[None]:
        return "fails"
    if not said[True] and not said[False]:
        return "undecided"
    words = {True: "holds", False: "fails", None: "undecided"}
    parts = [f"{words[truth]} {', '.join(cases)}" for truth, cases in said.items() if cases]
    return f"depends on {dimension}: {'; '.join(parts)}"


def above(interval: Interval, bound: float = 0.0) -> bool | None:
    """Whether the estimate is above the bound by more than its interval; None when the interval holds the bound."""
    if interval.low > bound:
        return True
    return False if interval.high < bound else None


def in_words(interval: Interval) -> str:
    """The estimate with its bounds in brackets."""
    bounds = "" if pd.isna(interval.low) or pd.isna(interval.high) else f" [{interval.low:.3g}, {interval.high:.3g}]"
    return f"{interval.estimate:.3g}{bounds}"
