"""Formatted tables as plain text for the terminal, as Markdown and as LaTeX."""

import re
from textwrap import fill
from typing import Any

import pandas as pd
from tabulate import tabulate

WIDEST = 70
"""Letters in a column of the terminal; longer text is wrapped."""

LATEX_SYMBOLS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "\n": " ", "\r": " ",
    "∞": r"$\infty$", "–": "--", "≥": r"$\geq$", "≤": r"$\leq$", "±": r"$\pm$",
}  # fmt: skip


def markdown(table: pd.DataFrame) -> str:
    """A GitHub table."""
    return _tabulated(table.map(markdown_text), "github")


def plain(table: pd.DataFrame) -> str:
    """A table for the terminal."""
    return _tabulated(table.map(lambda text: fill(str(text), WIDEST)), "simple")


def latex(table: pd.DataFrame) -> str:
    """A booktabs table."""
    safe = table.map(_latex_safe).rename(columns=_latex_safe)
    return safe.to_latex(index=False, escape=False)


def _tabulated(table: pd.DataFrame, layout: str) -> str:
    headers = [str(name) for name in table]
    return tabulate(table.to_numpy().tolist(), headers=headers, tablefmt=layout, disable_numparse=True)


def markdown_text(text: Any) -> str:
    """Text that ends neither its cell nor its row, and begins neither HTML nor a link."""
    line = str(text).replace("\n", " ").replace("\r", " ").replace("|", r"\|").replace("](", r"]\(")
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", line)


def _latex_safe(text: Any) -> str:
    return "".join(LATEX_SYMBOLS.get(letter, letter) for letter in str(text))
