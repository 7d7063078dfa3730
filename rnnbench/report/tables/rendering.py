"""Formatted tables as plain text for the terminal and as Markdown."""

import re
from textwrap import fill
from typing import Any

import pandas as pd
from tabulate import tabulate

from rnnbench.report.labels import is_number
from rnnbench.report.tables.narrow import GAP, KEYS, narrow, width

WIDEST = 48
"""Letters in a column of the terminal, of one that says what a row is of a quarter of all; longer text is wrapped."""
NUMBER = re.compile(r"([-−+<>≥≤~]?\s?[\d,]*|[–∞])(\.\d+(?:e[-+]\d+)?)?\s*(|[\[(].*)", re.DOTALL)
"""Before the point, behind it, and bounds or what else follows."""


def markdown(table: pd.DataFrame) -> str:
    """A GitHub table."""
    return _tabulated(table.map(markdown_text), "github")


def plain(table: pd.DataFrame, letters: int) -> str:
    """A table for a terminal of so many letters: the columns that fit, what is the same in all rows, and what is left
    out."""
    found = narrow(wrapped(table, letters), letters)
    shown = found.table.set_axis([fill(str(name), width(column) - GAP) for name, column in found.table.items()], axis=1)
    same = "; ".join(f"{name} {value}" for name, value in found.same.items())
    lines = [fill(f"{title}: {text}.", letters) for title, text in
             (("In all rows", same), ("In the files too", ", ".join(found.left_out))) if text]  # fmt: skip
    return "\n".join([_tabulated(shown, "simple"), *lines])


def wrapped(table: pd.DataFrame, letters: int) -> pd.DataFrame:
    """The table with long text in several lines."""
    most = {name: letters // 4 if name in KEYS else WIDEST for name in table}
    return pd.DataFrame({name: [fill(text, most[name]) for text in column] for name, column in table.items()})


def number_parts(column: "pd.Series[str]") -> list[tuple[str, str, str]] | None:
    """A column's numbers as NUMBER parts them; None of one that holds something else."""
    if not column.any() or not all(map(is_number, filter(None, column))):
        return None
    parts = [NUMBER.fullmatch(text) for text in column]
    found = [(each[1], each[2] or "", each[3]) for each in parts if each]
    return found if len(found) == len(column) else None


def _tabulated(table: pd.DataFrame, layout: str) -> str:
    headers = [str(name) for name in table]
    return tabulate(table.to_numpy().tolist(), headers=headers, tablefmt=layout, disable_numparse=True)


def markdown_text(text: Any) -> str:
    """Text that ends neither its cell nor its row, and begins neither HTML nor a link."""
    line = str(text).replace("\n", " ").replace("\r", " ").replace("|", r"\|").replace("](", r"]\(")
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", line)
