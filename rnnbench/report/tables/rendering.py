"""Tables of values as CSV, Markdown and plain text, and which of their columns are shown where there is little room:
one choice for page, terminal and LaTeX."""

import math
import re
from textwrap import fill
from typing import Any, NamedTuple

import pandas as pd
from tabulate import tabulate

from rnnbench.analysis.intervals import Interval, Quartiles
from rnnbench.analysis.variant import Variant
from rnnbench.report.labels import is_number
from rnnbench.schema import override_text

DESCRIPTION = """A variant is the settings in which these
runs differ from others of their cell and task, as overrides of a command line: `model.layers=2 optimizer.lr=0.01`.
An interval `x` has the columns `x`, `x_low` and `x_high`, the estimate and its 95% bounds over seeds; quartiles `x`
have `x`, the median, `x_lower_quartile` and `x_upper_quartile`."""

ENDS: dict[type, dict[str, str]] = {
    Interval: {"": "estimate", "_low": "low", "_high": "high"},
    Quartiles: {"": "median", "_lower_quartile": "first", "_upper_quartile": "third"},
}
"""By the type of a column's values: the ends of the names of its plain columns, with the field that each takes."""

SIGNIFICANT_DIGITS = 8
KEYS = ("verdict", "task", "trained on", "cell", "other cell", "variant", "length", "implementation", "claim", "case")
"""Headings of columns that say what a row is of: they are always shown, where they differ."""
GAP = 2
"""Letters between two columns."""
OF_TASK = re.compile(r"(?P<task>.+), (?:all (?P<settings>\w+)s|(?P<setting>\w+) (?P<value>\S+))")
BRACKETS = re.compile(r" ?(\[[^]]*\]|\([^)]* to [^)]*\))")
WIDEST = 48
"""Letters in a column of the terminal, of one that says what a row is of a quarter of all; longer text is wrapped."""
NUMBER = re.compile(r"([-−+<>≥≤~]?\s?[\d,]*|[–∞])(\.\d+(?:e[-+]\d+)?)?\s*(|[\[(].*)", re.DOTALL)
"""Before the point, behind it, and bounds or what else follows."""


def to_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The table with columns of numbers and text alone, as DESCRIPTION says; a tuple of numbers becomes text."""
    columns: dict[str, list[Any]] = {}
    for name in map(str, table):
        values = table[name].tolist()
        kind = type(values[0]) if values else object
        if kind in ENDS:
            columns |= {
                f"{name}{end}": [getattr(value, field) for value in values] for end, field in ENDS[kind].items()
            }
        elif kind is Variant:
            columns[name] = [" ".join(f"{of}={override_text(value)}" for of, value in each.settings) for each in values]
        elif kind is tuple:
            columns[name] = [" ".join(f"{number:g}" for number in value) for value in values]
        else:
            columns[name] = values
    return pd.DataFrame(columns)


def stable_csv(table: pd.DataFrame) -> str:
    """The columns as CSV, fractions to SIGNIFICANT_DIGITS: later ones differ from one processor to the next."""
    return to_columns(table).map(_rounded).to_csv(index=False)


def _rounded(value: Any) -> Any:
    """A float as the nearest one with that many digits; a whole number, such as a count, is left as it is."""
    if not isinstance(value, float) or not math.isfinite(value) or value.is_integer():
        return value
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


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


class Narrow(NamedTuple):
    """The columns of a table that fit, and what is in none of them."""

    table: pd.DataFrame
    same: dict[str, str]
    """What is the same in all rows, by heading."""
    others: pd.DataFrame
    """The keys with the columns left out, whole; without columns where none is."""
    keys: int
    """How many columns of the table, its first, say what a row is of."""

    @property
    def left_out(self) -> list[str]:
        """The headings of the columns left out."""
        return list(map(str, self.others.columns[self.keys :]))


def narrow(table: pd.DataFrame, letters: int) -> Narrow:
    """The keys, then in order each column that still fits into so many letters: columns stand by what they tell.

    Columns that are the same in all rows are said once. Of a column that fits only without its bounds in brackets the
    numbers alone are shown.
    """
    varying, same, setting = _split_task(table)
    if len(varying) > 1:
        constant = [name for name in varying if varying[name].nunique() == 1]
        same |= {str(name): str(varying[name].iloc[0]) for name in constant}
        varying = varying.drop(columns=constant)
    keys = [name for name in varying if name in (*KEYS, setting)] or list(varying.columns[:1])
    room = letters - sum(width(varying[name]) + GAP for name in keys) + GAP
    shown, others = varying[keys], varying[keys]
    for name in varying.columns.drop(keys):
        whole = bare = varying[name]
        if all(map(is_number, filter(None, whole))):
            bare = whole.str.replace(BRACKETS, "", regex=True)
        fitting = next((column for column in (whole, bare) if width(column) + GAP <= room), None)
        if fitting is not None:
            shown, room = shown.assign(**{name: fitting}), room - width(fitting) - GAP
        if fitting is not whole:
            others = others.assign(**{name: whole})
    return Narrow(shown, same, others if len(others.columns) > len(keys) else others.iloc[:, :0], len(keys))


def width(column: "pd.Series[str]") -> int:
    """Letters of the longest line of a column, or of its heading's longest word with the gap that tabulate adds."""
    words = str(column.name).split() or [""]
    return max(max(map(len, words)) + GAP, *(len(line) for text in column for line in text.split("\n")))


def _split_task(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str], str]:
    """The difficulty alone in place of `adding, length 20` in every row, the task, and the difficulty's heading."""
    found = [OF_TASK.fullmatch(text) for text in table["task"]] if "task" in table and len(table) > 1 else []
    parts = [each.groupdict() for each in found if each]
    alike = {(each["task"], each["setting"] or each["settings"]) for each in parts}
    if not parts or len(parts) < len(table) or len(alike) > 1:
        return table, {}, ""
    task, setting = alike.pop()
    if setting in table:
        return table, {}, ""
    values = [each["value"] or "all" for each in parts]
    return table.assign(task=values).rename(columns={"task": setting}), {"task": task}, setting
