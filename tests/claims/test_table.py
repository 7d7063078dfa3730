"""The claims' table: the verdict of a claim's cases together, in words."""

import pytest

from rnnbench.analysis.intervals import UNDEFINED
from rnnbench.analysis.verdict import Verdict
from rnnbench.claims import Claim, Finding
from rnnbench.claims.claim import Case, Kind, overall
from rnnbench.claims.table import verdict_label


@pytest.mark.parametrize(
    ("kind", "verdicts", "text"),
    [
        (Kind.MEASURED, [Verdict.HOLDS, Verdict.HOLDS], "holds"),
        (Kind.MEASURED, [Verdict.UNDECIDED, Verdict.UNDECIDED], "undecided"),
        (Kind.MEASURED, [], "not measured"),
        (Kind.MEASURED, [Verdict.HOLDS, Verdict.UNDECIDED, Verdict.FAILS, Verdict.HOLDS],
         "depends (2 holds, 1 fails, 1 undecided)"),
        (Kind.BY_CONSTRUCTION, [Verdict.HOLDS, Verdict.HOLDS], "true by construction"),
        (Kind.BY_CONSTRUCTION, [Verdict.HOLDS, Verdict.FAILS], "true by construction, the code differs"),
        (Kind.BY_CONSTRUCTION, [], "not measured"),
    ],
)  # fmt: skip
def test_verdict_of_several_cases(kind: Kind, verdicts: list[Verdict], text: str) -> None:
    claim = Claim("x", "", "", kind, "", "", lambda results: [])
    cases = [Case({"length": length}, verdict, UNDEFINED, "") for length, verdict in enumerate(verdicts)]
    assert verdict_label(claim, Finding(tuple(cases), overall(cases))) == text
