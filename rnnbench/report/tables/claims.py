"""The claims of the study notes, with verdicts."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any, ClassVar

import pandas as pd

from rnnbench.analysis.claims import Claim, Finding, findings
from rnnbench.analysis.claims.claim import Case, Count, Evidence, Reach
from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.matched_comparisons import Match
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import Verdict
from rnnbench.report.labels import interval, match_label, number, setting_value
from rnnbench.report.tables.table import Table

NAMES = {
    "r_squared": "R²",
    "solved_gru_goodfellow": "solved gru_goodfellow",
    "model.recurrent_gain": "recurrent gain",
    "model.hidden_size": "units",
    "torch_nn": "torch.nn",
}
"""Names of conditions and evidence that are not simply their own with spaces in place of underscores."""


class Claims(Table):
    """One row per claim: what was measured, the number, and the verdict by the rule beside it."""

    title = "Claims of the study notes"
    needs = ("train.steps", "model.hidden_size", "model.recurrent_gain")
    columns: ClassVar[Mapping[str, str]] = {
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
        "verdict": "holds, fails, undecided, not measured, or on what it depends, with the verdict in each case",
    }
    intervals = (
        "95% over seeds: Student's for slopes and paired differences of scores, order statistics for medians of "
        "ratios; none for counts and for gates that were held"
    )

    def compute_rows(self, results: Results) -> pd.DataFrame:
        return pd.DataFrame([_row(claim, finding) for claim, finding in findings(results).items()])

    def formatted_brief(self, rows: pd.DataFrame) -> pd.DataFrame:
        return self.formatted(rows)[["claim", "number", "runs", "verdict"]]

    def formatted(self, rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "claim": row["claim"],
                "the notes": f"{row['sentence']} ({row['notes']})",
                "measured": row["measurement"],
                "number": f"{interval(row['number'])} {row['unit']}",
                "details": row["details"],
                "runs": str(row["runs"]),
                "rule": row["rule"],
                "verdict": row["verdict"],
            }
            for row in rows.to_dict("records")
        )


def _row(claim: Claim, finding: Finding) -> dict[str, Any]:
    names = sorted(finding.runs["run"].unique())
    return {
        "claim": claim.name,
        **{name: getattr(claim, name) for name in ("sentence", "notes", "measurement", "rule", "unit")},
        "number": finding.number,
        "details": "; ".join([*map(_case, finding.cases), *_evidence(finding.evidence)]),
        "runs": len(names),
        "run_names": " ".join(names),
        "verdict": verdict_label(claim, finding),
    }


def verdict_label(claim: Claim, finding: Finding) -> str:
    """The verdict that all cases share, or on what it depends and how."""
    by_verdict = finding.by_verdict()
    if Verdict.NOT_MEASURED in by_verdict:
        return f"{Verdict.NOT_MEASURED.value}: {finding.missing}"
    label = next(iter(by_verdict)).value
    if len(by_verdict) > 1:
        parts = [f"{verdict.value} ({_conditions(cases)})" for verdict, cases in by_verdict.items()]
        label = f"depends on {claim.condition}: {', '.join(parts)}"
    return f"{label}; stops solving within the lengths tested" if finding.stops_solving else label


def _conditions(cases: Sequence[Case]) -> str:
    return "; ".join(_condition(case.condition) for case in cases)


def _condition(condition: Mapping[str, Any]) -> str:
    return ", ".join(_named(name, value) for name, value in condition.items())


def _named(name: str, value: Any) -> str:
    if isinstance(value, Match):
        return match_label(value)
    if name == "cell":
        return str(value)
    text = _spaced(value) if isinstance(value, str) else setting_value(value)
    return text if name == "compared" else f"{_spaced(name)} {text}"


def _case(case: Case) -> str:
    value = [] if isnan(case.value.estimate) else [interval(case.value)]
    numbers = ", ".join([*value, *_evidence(case.evidence)])
    condition = _condition(case.condition)
    return f"{condition}: {numbers}" if condition else numbers


def _evidence(evidence: Evidence) -> list[str]:
    return [f"{_spaced(name)} {_evidence_value(value)}" for name, value in evidence.items()]


def _evidence_value(value: Any) -> str:
    if isinstance(value, Interval):
        return interval(value)
    if isinstance(value, Count):
        return f"{value.successes}/{value.runs}"
    if isinstance(value, Reach):
        return f"solves lengths up to {number(value.longest)} of {' '.join(map(number, value.tested))}"
    return number(value)


def _spaced(name: str) -> str:
    return NAMES.get(name, name.replace("_", " "))
