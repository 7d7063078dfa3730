"""What a table of the report is: results in, rows of numbers out, and how to say them in words."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pandas as pd

from rnnbench.analysis.results import Results


class Table(ABC):
    """Makes rows of results. Derive, say what each column means and how its intervals come about, and make the rows.

    `only` limits the runs to those whose columns have one of the values named.
    """

    title: ClassVar[str]
    """What the table shows, in a few words."""
    columns: ClassVar[Mapping[str, str]]
    """What each column of the rows is; one with an interval has its bounds in `_low` and `_high`."""
    intervals: ClassVar[str]
    """How the intervals come about, in words."""

    def __init__(self, only: Mapping[str, Sequence[Any]] | None = None) -> None:
        self.only = only or {}

    @abstractmethod
    def rows(self, results: Results) -> pd.DataFrame:
        """The table in numbers. Raises ValueError, naming the table and the column, when what it needs is missing."""

    @abstractmethod
    def in_words(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The table to be read: text in every cell."""

    def in_brief(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The same for the terminal, where it is narrow."""
        return self.in_words(rows)

    def need(self, runs: pd.DataFrame, *columns: str) -> None:
        """Raise ValueError for the first column that the runs lack."""
        for column in columns:
            if column not in runs:
                raise ValueError(f"{type(self).__name__}: needs the column {column!r}, which no run has")
