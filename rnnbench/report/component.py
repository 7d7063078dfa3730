"""What tables and figures have in common: the runs they are limited to, the columns they need, and named errors."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pandas as pd

from rnnbench.errors import SettingError


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
            require(runs, *self.needs)
            yield
        except SettingError as error:
            raise SettingError(f"{type(self).__name__}: {error}") from error


def require(table: pd.DataFrame, *columns: str) -> None:
    """Raise SettingError for the first column that the table lacks."""
    for column in columns:
        if column not in table:
            raise SettingError(f"needs the column {column!r}, which no run has")
