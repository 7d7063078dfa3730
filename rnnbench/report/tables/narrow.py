"""Which columns of a formatted table are shown where there is little room: one choice for page, terminal and LaTeX."""

import re
from typing import NamedTuple

import pandas as pd

from rnnbench.report.labels import is_number

KEYS = ("verdict", "task", "trained on", "cell", "other cell", "variant", "length", "implementation", "claim", "case")
"""Headings of columns that say what a row is of: they are always shown, where they differ."""
GAP = 2
"""Letters between two columns."""
OF_TASK = re.compile(r"(?P<task>.+), (?:all (?P<settings>\w+)s|(?P<setting>\w+) (?P<value>\S+))")
BRACKETS = re.compile(r" ?(\[[^]]*\]|\([^)]* to [^)]*\))")


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
