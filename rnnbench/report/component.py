"""What a table and a figure of the report are: the runs they are limited to, the columns they need, what they make."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import pandas as pd
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.milestones import SOLVED
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.labels import drawn_runs, value_text
from rnnbench.report.style import CellStyles

NOTHING = ("", "–", "–, –")
"""Text of cells without a value."""


class Component:
    """A table or figure.

    `only` limits the runs to those whose columns have one of the values named, such as {"model.recurrent_gain": [1]}.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    """Columns of the runs that must be there."""
    intervals: ClassVar[str] = "none"
    """How the intervals come about, for its note."""

    def __init__(self, only: Mapping[str, Sequence[Any]] | None = None) -> None:
        self.only = only or {}

    @contextmanager
    def checked(self, runs: pd.DataFrame) -> Iterator[None]:
        """Check that the runs have the columns, and begin each SettingError within with the component's name."""
        try:
            for column in self.needs:
                if column not in runs:
                    raise SettingError(f"needs the column {column!r}, which no run has")
            yield
        except SettingError as error:
            raise SettingError(f"{type(self).__name__}: {error}") from error


class OfMilestone(Component):
    """A component on reaching a milestone: `solved`, the task's criterion, or a softer one, such as half_baseline."""

    def __init__(self, only: Mapping[str, Sequence[Any]] | None = None, milestone: str = SOLVED) -> None:
        super().__init__(only)
        self.milestone = milestone


class Part(NamedTuple):
    """A part of a table on the page."""

    heading: str
    verdict: str
    """Of what the heading says; empty where it says nothing."""
    text: str
    """What is said below the heading."""
    formatted: pd.DataFrame


class Table(Component, ABC):
    """Makes rows of results. Derive, describe each column and compute the rows; `text` says how a row is to be read.

    Texts stand by what they tell: where there is little room, the first columns are shown.

    A row's values may be numbers, text, an `Interval`, `Quartiles`, a `Variant` or a tuple of numbers.
    """

    title: ClassVar[str]
    """What the table shows, in a few words."""
    columns: ClassVar[Mapping[str, str]]
    """What each column of the rows is."""
    better: ClassVar[str] = ""
    """The column with the verdict that a row's cell is better than the other: LaTeX has the better one in bold."""

    def rows(self, results: Results) -> pd.DataFrame:
        """The rows. Raises SettingError, naming the table and the column, when what it needs is missing."""
        with self.checked(results.runs):
            return self.compute_rows(results)

    @abstractmethod
    def compute_rows(self, results: Results) -> pd.DataFrame:
        """The rows, of runs that have the columns in `needs`. Raises SettingError when something else is missing."""

    def warning(self, rows: pd.DataFrame) -> str:
        """What is to be known before the table is read; usually nothing."""
        del rows
        return ""

    def found(self, rows: pd.DataFrame) -> list[str]:
        """Sentences on what the rows show, which the page begins with; usually none."""
        del rows
        return []

    def parts(self, rows: pd.DataFrame) -> list[Part]:
        """The table as the page shows it, usually in one part."""
        return [Part("", "", "", self.formatted(rows))]

    def says_nothing(self, rows: pd.DataFrame) -> str:
        """Why the rows say nothing, so that page and terminal leave them out; usually they do."""
        del rows
        return ""

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        """A row as text, by heading."""
        return {name: value_text(value) for name, value in row.items()}

    def formatted(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The table to be read: text in every cell, without the columns that no row has a value in."""
        table = pd.DataFrame([self.text(row) for row in rows.to_dict("records")]).fillna("")
        return table.drop(columns=[name for name in table if table[name].isin(NOTHING).all()])

    def note(self, formatted: pd.DataFrame) -> str:
        """What the table's brackets and marks mean."""
        del formatted
        return "" if self.intervals == "none" else f"Brackets: intervals, {self.intervals}."


class Figure(Component, ABC):
    """Draws results. Derive, name the columns it needs, and draw; the caption has its docstring, on how it is read."""

    def draw(self, results: Results, styles: CellStyles) -> Canvas:
        """The figure with its legend, within `paper_style`. Raises SettingError, naming it, when it lacks something."""
        with self.checked(results.runs):
            canvas = self.draw_panels(results, styles)
        if isinstance(canvas, drawing.Canvas):
            drawing.legend_above(canvas)
        return canvas

    def caption(self, results: Results) -> list[str]:
        """The paragraphs below the figure: what is drawn of which runs, how it is to be read, and what it shows.

        From its docstring, without the arguments.
        """
        paragraphs = [" ".join(each.split()) for each in (inspect.getdoc(self) or "").split("\n\n")]
        what, *how = [each for each in paragraphs if each and not each.startswith("`")]
        return [f"{what} {drawn_runs(results.runs)}", *how, *self.finding(results)]

    def finding(self, results: Results) -> list[str]:
        """A sentence on what the figure shows of these results; usually none."""
        del results
        return []

    @abstractmethod
    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        """The figure, of runs that have the columns in `needs`. Raises SettingError when something else is missing."""
