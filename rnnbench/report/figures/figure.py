"""What a figure is: results in, one matplotlib figure out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pandas as pd
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.results import Results
from rnnbench.report.style import CellStyles


class Figure(ABC):
    """Draws results. Derive, name the columns it needs, and draw; the docstring is its caption.

    `only` limits the runs to those whose columns have one of the values named, such as {"model.recurrent_gain": [1]}.
    """

    columns: ClassVar[tuple[str, ...]] = ()
    """Columns of the runs that must be there."""
    intervals: ClassVar[str] = "none"
    """How the bands and bars come about, in words."""

    def __init__(self, only: Mapping[str, Sequence[Any]] | None = None) -> None:
        self.only = only or {}

    @abstractmethod
    def draw(self, results: Results, styles: CellStyles) -> Canvas:
        """The figure, within `paper_style`. Raises ValueError, naming it, when what it needs is missing."""

    def need(self, table: pd.DataFrame, *columns: str) -> None:
        """Raise ValueError for the first column that the table lacks."""
        for column in columns:
            if column not in table:
                raise ValueError(f"{type(self).__name__}: needs the column {column!r}, which no run has")
