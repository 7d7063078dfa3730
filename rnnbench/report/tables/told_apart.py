"""Whether the columns that a table shows tell its rows apart."""

import pandas as pd

from rnnbench.analysis.cell_pairs import PAIR
from rnnbench.report.values import to_columns
from rnnbench.schema import GROUP

SHOWN = ("task", "cell", "variant", "other cell", "other variant")
"""Headings of the columns that say what a row is of."""


def not_told_apart(rows: pd.DataFrame, formatted: pd.DataFrame) -> str:
    """A sentence that names the first rows that differ in what they are of but not in what is shown; "" where none do.

    Rows of one task, difficulty, cell and variant, such as those of several implementations, differ in other columns.
    """
    shown = [heading for heading in SHOWN if heading in formatted]
    known = [column for column in (*GROUP, *PAIR) if column in rows]
    if len(rows) != len(formatted) or "cell" not in shown or not known:
        return ""
    identity = to_columns(rows[known]).astype(str).agg(" ".join, axis=1).to_numpy()
    for _, group in formatted.assign(identity_=identity).groupby(shown, sort=False):
        if group["identity_"].nunique() > 1:
            alike = "; ".join(group["identity_"].unique()[:3])
            return f"The columns shown do not tell these rows apart: {alike}."
    return ""
