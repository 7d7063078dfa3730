"""The claims of the study notes, with verdicts."""

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from rnnbench.analysis import claims
from rnnbench.analysis.results import Results
from rnnbench.report.tables.rendering import interval
from rnnbench.report.tables.table import Table


class Claims(Table):
    """One row per claim: what was measured, the number, and the verdict by the rule beside it."""

    title = "Claims of the study notes"
    columns: ClassVar[Mapping[str, str]] = claims.COLUMNS
    intervals = (
        "95% over seeds: Student's for slopes and paired differences of scores, order statistics for medians of "
        "ratios; none for counts and for gates that were held"
    )

    def rows(self, results: Results) -> pd.DataFrame:
        self.need(results.runs, "train.steps", "model.hidden_size", "model.recurrent_gain")
        return claims.judge(results)

    def in_brief(self, rows: pd.DataFrame) -> pd.DataFrame:
        return self.in_words(rows)[["claim", "number", "runs", "verdict"]]

    def in_words(self, rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "claim": row["claim"],
                "the notes": f"{row['sentence']} ({row['notes']})",
                "measured": row["measurement"],
                "number": f"{interval(row, 'number')} {row['unit']}",
                "details": row["details"],
                "runs": str(row["runs"]),
                "rule": row["rule"],
                "verdict": row["verdict"],
            }
            for row in rows.to_dict("records")
        )
