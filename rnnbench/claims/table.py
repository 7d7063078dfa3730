"""The claims of the study notes, with verdicts."""

from collections import Counter
from collections.abc import Mapping
from math import inf, isnan
from typing import Any, ClassVar

import pandas as pd

from rnnbench.analysis.cell_pairs import Match
from rnnbench.analysis.intervals import Interval, is_degenerate
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import Verdict
from rnnbench.claims import CLAIMS, Claim
from rnnbench.claims.claim import Case, cases_of, overall
from rnnbench.report.component import Part, Table
from rnnbench.report.labels import interval, match_label, number, setting_value
from rnnbench.report.sentences import listed

NAMES = {
    "model.recurrent_gain": "recurrent gain",
    "model.memory_bias": "memory bias",
    "model.hidden_size": "units",
    "solved_gru_goodfellow": "solved gru_goodfellow",
    "mse_below_0_01_gru_goodfellow": "MSE < 0.01 gru_goodfellow",
    "rate": "learning rate",
}
"""Names of conditions and details that are not simply their own with spaces in place of underscores."""

ORDER = {verdict: place for place, verdict in enumerate(Verdict)}

BY_CONSTRUCTION = "by construction"

EXPLAINED = "notes, measurement and rule"

PLAIN = ("compared", "implementation", "when")
"""Conditions whose value is clear without a name."""


class Claims(Table):
    """One row per case of a claim, its verdict first; claims that are true by construction come last."""

    title = "Claims of the study notes"
    needs = ("train.steps", "model.hidden_size", "model.recurrent_gain")
    columns: ClassVar[Mapping[str, str]] = {
        "verdict": "of the case: holds, fails, undecided or not measured; of equivalence: equivalent (within the "
        "margin), differs by more, differs (within the margin or beyond is not known) or not seen; of a claim "
        "that is true by construction whether the code has it",
        "claim": "the claim's name",
        "kind": "measured, or true by construction: then it follows from the equations and was checked, not tested",
        "case": "the condition; empty where there is one alone",
        "number": "what was measured, with its bounds",
        "unit": "what it is a number of",
        "test": "the test behind the verdict; none by construction",
        "p_value": "its p-value, of this case alone",
        "p_holm": "the same adjusted for all cases of the claim by Holm's method; above 0.05 the case is undecided",
        "p_difference": "of equivalence, where p_value is at the margins: the p-value that there is no difference",
        "p_difference_holm": "the same adjusted; at most 0.05 and no other verdict: the case differs",
        "runs": "number of runs; empty by construction",
        "detectable": "the smallest difference from none that the test finds in 80% of experiments with this many runs "
        "and this spread, at 5% over the number of cases, the first step of Holm's method; a ratio of 0: none is "
        "found; empty where the spread is not known",
        "detectable_unit": "what that is a difference or ratio of",
        "details": "further numbers",
        "reported_only": "whether the case is only reported and has no part in the claim's verdict",
        "claim_verdict": "of the claim by its cases: holds, fails, differs (some differ, none is equivalent), depends "
        "(some hold, some fail), undecided or not measured",
        "sentence": "the claim in words",
        "notes": "the notes that make it",
        "measurement": "what was measured",
        "rule": "how the verdict follows from it",
        "run_names": "names of the runs",
    }
    intervals = (
        "95%: Student's for means of slopes, decades, log times and log losses, by permutation of the log-rank test "
        "for ratios of steps to solve, Clopper and Pearson's for a fraction; none by construction"
    )

    def compute_rows(self, results: Results) -> pd.DataFrame:
        found = {claim: cases_of(claim, results) for claim in CLAIMS}
        rows = [_row(claim, verdict_label(claim, cases), case) for claim, cases in found.items() for case in cases]
        return pd.DataFrame(rows)[list(self.columns)]

    def found(self, rows: pd.DataFrame) -> list[str]:
        verdicts = rows.drop_duplicates("claim")["claim_verdict"].str.partition(" (")[0]
        counts = [f"{verdict} ({count})" for verdict, count in Counter(verdicts).items()]
        return [f"Verdicts on {len(verdicts)} claims of the study notes: {listed(counts)}."]

    def parts(self, rows: pd.DataFrame) -> list[Part]:
        """One for each claim: its sentence with its verdict, how it was measured, and its cases."""
        table = self.formatted(rows).drop(columns=["claim", EXPLAINED])
        return [
            Part(
                first["sentence"],
                first["claim_verdict"],
                f"{first['notes']}. Measured: {first['measurement']}. Rule: {first['rule']}.",
                table.loc[of_claim.index].loc[:, lambda cases: cases.ne("").any()],
            )
            for _, of_claim in rows.groupby("claim", sort=False)
            for first in of_claim.to_dict("records")[:1]
        ]

    def formatted(self, rows: pd.DataFrame) -> pd.DataFrame:
        again = rows["claim"].duplicated()
        table = super().formatted(rows)
        table.loc[again, "claim"] = rows.loc[again, "claim"]
        table.loc[again, EXPLAINED] = ""
        return table

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        return {
            "verdict": _verdict(row),
            "claim": f"{row['claim']}: {row['claim_verdict']}",
            "case": f"{row['case']} (only reported)" if row["reported_only"] else row["case"],
            "number": _with_unit(_number(row["number"]), row["unit"]),
            "runs": row["runs"],
            "p (Holm)": _p_values(row) if row["test"] else "",
            "test": row["test"],
            "80% power for": _detectable(row["detectable"], row["detectable_unit"]),
            "details": row["details"],
            EXPLAINED: f"{row['sentence']} ({row['notes']}) Measured: {row['measurement']}. Rule: {row['rule']}.",
        }


def _row(claim: Claim, verdict: str, case: Case) -> dict[str, Any]:
    return {
        **vars(claim),
        **vars(case),
        "verdict": case.verdict_in_words,
        "claim": claim.name,
        "kind": BY_CONSTRUCTION if claim.by_construction else "measured",
        "detectable_unit": case.detectable_unit,
        "p_difference_holm": case.p_difference_holm,
        "case": ", ".join(_named(name, value) for name, value in case.condition.items()),
        "runs": str(len(case.runs)) if case.runs else "",
        "details": "; ".join(f"{_spaced(name)} {_detail(value)}".strip() for name, value in case.details.items()),
        "claim_verdict": verdict,
        "run_names": " ".join(case.runs),
    }


def verdict_label(claim: Claim, cases: list[Case]) -> str:
    """The verdict of all cases together, with their number where they differ."""
    together = overall(cases, claim.somewhere)
    if claim.by_construction and together is not Verdict.NOT_MEASURED:
        return "true by construction" if together is Verdict.HOLDS else "true by construction, the code differs"
    judged = sorted((case for case in cases if not case.reported_only), key=lambda case: ORDER[case.verdict])
    verdicts = Counter(case.verdict_in_words for case in judged)
    if len(verdicts) < 2:
        return together.value
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    return f"{together.value} ({counts})"


def _verdict(row: Mapping[Any, Any]) -> str:
    """The verdict of a case; a claim by construction is not tested, so that it does not hold but its check does."""
    verdict = str(row["verdict"])
    if row["kind"] == BY_CONSTRUCTION:
        return {"holds": BY_CONSTRUCTION, "fails": "the code differs"}.get(verdict, verdict)
    return verdict


def _detectable(value: float, unit: str) -> str:
    """The smallest difference that is found; so few runs may find none at all."""
    return "" if isnan(value) else _with_unit(number(value), unit) if value else "none"


def _p_values(row: Mapping[Any, Any]) -> str:
    """That of the case; of equivalence that at the margins and that of no difference."""
    text = f"{_p_value(row['p_value'])} ({_p_value(row['p_holm'])})"
    if isnan(row["p_difference_holm"]):
        return text
    return f"{text} at the margins, {_p_value(row['p_difference'])} ({_p_value(row['p_difference_holm'])}) of none"


def _p_value(value: float) -> str:
    return "<0.0001" if value < 1e-4 else number(value)


def _number(value: Interval) -> str:
    if isnan(value.estimate):
        return ""
    if is_degenerate(value):
        return f"{number(value.estimate)} (no spread)"
    if 0 < value.estimate < inf or value.low < 0:
        return interval(value)
    # a ratio of which the runs give one bound at most, as where one cell never solves the task
    if isnan(value.low):
        return number(value.estimate)
    if value.low > 0:
        return f"at least {number(value.low)}"
    return f"at most {number(value.high)}" if value.high < inf else "not bounded"


def _with_unit(text: str, unit: str) -> str:
    return f"{text} {unit}" if text else ""


def _named(name: str, value: Any) -> str:
    if isinstance(value, Match):
        return match_label(value)
    text = _spaced(value) if name == "compared" else setting_value(value)
    return text if name in PLAIN else f"{_spaced(name)} {text}"


def _detail(value: Any) -> str:
    if isinstance(value, Interval):
        return _number(value) or "–"
    if isinstance(value, tuple):
        return "/".join(map(str, value))
    return value if isinstance(value, str) else number(value)


def _spaced(name: str) -> str:
    return NAMES.get(name, name.replace("mse_below_0_01", "MSE < 0.01").replace("_", " "))
