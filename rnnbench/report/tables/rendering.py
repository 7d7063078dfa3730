"""Tables as text for the terminal, Markdown and LaTeX, and numbers as words."""

import math
from collections.abc import Mapping
from textwrap import fill
from typing import Any

import pandas as pd
from tabulate import tabulate

WIDEST = 70
"""Letters in a column of the terminal; longer text is wrapped."""

LATEX_SYMBOLS = {"_": r"\_", "%": r"\%", "∞": r"$\infty$", "–": "--", "≥": r"$\geq$", "≤": r"$\leq$", "±": r"$\pm$"}


def markdown(words: pd.DataFrame) -> str:
    """A GitHub table."""
    return _tabulated(words.map(lambda text: str(text).replace("|", r"\|")), "github")


def plain(words: pd.DataFrame) -> str:
    """A table for the terminal."""
    return _tabulated(words.map(lambda text: fill(str(text), WIDEST)), "simple")


def latex(words: pd.DataFrame) -> str:
    """A booktabs table."""
    safe = words.map(_latex_safe).rename(columns=_latex_safe)
    return safe.to_latex(index=False, escape=False)


def without_empty(words: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The table without those of the columns that say nothing in any row."""
    return words.drop(columns=[column for column in columns if (words[column] == "").all()])


def interval(row: Mapping[Any, Any], name: str, scale: float = 1.0) -> str:
    """The estimate and, where they are defined, its 95% bounds in brackets."""
    low, high = row[f"{name}_low"] * scale, row[f"{name}_high"] * scale
    bounds = "" if math.isnan(low) or math.isnan(high) else f"[{number(low)}, {number(high)}]"
    return f"{number(row[name] * scale)} {bounds}".strip()


def number(value: Any) -> str:
    """Three significant digits; – for nothing, ∞ for more than was measured."""
    if not isinstance(value, float | int) or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _tabulated(words: pd.DataFrame, layout: str) -> str:
    headers = [str(name) for name in words]
    return tabulate(words.to_numpy().tolist(), headers=headers, tablefmt=layout, disable_numparse=True)


def _latex_safe(text: Any) -> str:
    return "".join(LATEX_SYMBOLS.get(letter, letter) for letter in str(text))
