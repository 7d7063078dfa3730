"""What a table of the report is: results in, rows of values out, and how to format them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from rnnbench.analysis.results import Results
from rnnbench.report.component import Component


class Table(Component, ABC):
    """Makes rows of results. Derive, describe each column, compute the rows and format them.

    A row's values may be numbers, text, an `Interval`, `Quartiles`, a `Variant` or a tuple of numbers.
    """

    title: ClassVar[str]
    """What the table shows, in a few words."""
    columns: ClassVar[Mapping[str, str]]
    """What each column of the rows is."""

    def rows(self, results: Results) -> pd.DataFrame:
        """The rows. Raises SettingError, naming the table and the column, when what it needs is missing."""
        with self.checked(results.runs):
            return self.compute_rows(results)

    @abstractmethod
    def compute_rows(self, results: Results) -> pd.DataFrame:
        """The rows, of runs that have the columns in `needs`. Raises SettingError when something else is missing."""

    @abstractmethod
    def formatted(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The table to be read: text in every cell."""

    def formatted_brief(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The same for the terminal, where it is narrow."""
        return self.formatted(rows)
