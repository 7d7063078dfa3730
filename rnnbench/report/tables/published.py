"""A paper's numbers beside ours."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pandas as pd

from rnnbench.analysis import published
from rnnbench.analysis.milestones import trained_runs
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report.component import Table
from rnnbench.report.labels import number


class Published(Table):
    """One row per number of `numbers`, which come from a paper; `analysis.published` says what each has.

    `source` names the paper and, where a number was read off a figure, says so.
    """

    title = "Published, ours, and whether they agree"
    columns: ClassVar[Mapping[str, str]] = published.COLUMNS

    def __init__(
        self,
        only: Mapping[str, Sequence[Any]] | None = None,
        source: str = "",
        numbers: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(only)
        self.source, self.numbers = source, numbers

    def compute_rows(self, results: Results) -> pd.DataFrame:
        if not self.numbers:
            raise SettingError("needs a paper's numbers, as experiment=arjovsky2016_copy has them")
        return published.published_numbers(trained_runs(results.runs), self.numbers)

    def warning(self, rows: pd.DataFrame) -> str:
        del rows
        return f"Published: {self.source}."

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        value = row["published"]
        shown = value if isinstance(value, str) else number(float(value))
        return {**row, "published": shown, "runs": str(row["runs"])}
