"""Tables as LaTeX that fits the text of an article. The preamble needs booktabs and, for long ones, longtable."""

import re
from collections.abc import Collection, Sequence
from textwrap import fill

import pandas as pd

from rnnbench.report.labels import is_number
from rnnbench.report.tables.rendering import GAP, Narrow, narrow, number_parts, width, wrapped

LETTERS = 82
"""That 345 pt, the width of an article's text, hold in \\footnotesize."""
POINTS = 4.3
"""Of a letter."""
BREAK, END = r" \\ ", r" \tabularnewline"
"""Of a line within a cell, and of a row, also behind a ragged cell."""
MOST_ROWS = 40
"""Lines that a page has room for; longer tables go over several."""

LATEX_SYMBOLS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "\n": " ", "\r": " ",
    "<": "$<$", ">": "$>$", "|": "$|$", "²": "$^2$", "×": r"$\times$", "→": r"$\to$", "∞": r"$\infty$", "−": "$-$",
     "–": "--", "≥": r"$\geq$", "≤": r"$\leq$", "±": r"$\pm$",
}  # fmt: skip


def latex(
    table: pd.DataFrame,
    caption: str,
    label: str,
    note: str = "",
    bold: Sequence[Collection[str]] = (),
    letters: int = LETTERS,
) -> str:
    """A booktabs table of the columns that fit, numbers aligned at their points; `bold`: headings, for each row."""
    found = _fitting(wrapped(table, letters), letters)
    columns = [_column(column, [name in each for each in bold]) for name, column in found.table.items()]
    rows = [" & ".join(cells) + END for cells in zip(*(cells for _, _, cells in columns), strict=True)]
    heading = " & ".join(heading for _, heading, _ in columns) + END
    same = "; ".join(f"{name} {value}" for name, value in found.same.items())
    title = latex_text(caption + (f"; in all rows: {same}" if same else "") + ".")
    layout = "@{}" + "".join(layout for layout, _, _ in columns) + "@{}"
    lines = [r"\toprule", heading, r"\midrule", *rows, r"\bottomrule"]
    said = [rf"\par\smallskip\noindent\parbox{{\linewidth}}{{\scriptsize {latex_text(note)}}}"] if note else []
    style = [r"\footnotesize\setlength{\tabcolsep}{4pt}"]
    named = rf"\caption{{{title}}}\label{{tab:{re.sub('[^A-Za-z0-9_-]', '-', label)}}}"
    if sum(1 + max(text.count("\n") for text in row) for row in found.table.itertuples(index=False)) > MOST_ROWS:
        head = [rf"\begin{{longtable}}{{{layout}}}", named + END, *lines[:3], r"\endfirsthead", *lines[:3], r"\endhead"]
        return "\n".join(["{" + style[0], *head, *lines[3:], r"\end{longtable}", *said, "}"]) + "\n"
    body = [rf"\begin{{tabular}}{{{layout}}}", *lines, r"\end{tabular}"]
    return "\n".join([r"\begin{table}", r"\centering", *style, named, *body, *said, r"\end{table}"]) + "\n"


def _fitting(table: pd.DataFrame, letters: int) -> Narrow:
    """The columns that fit once their numbers are aligned, which takes more room than they have by themselves."""
    for room in range(letters, 0, -3):
        found = narrow(table, room)
        widths = [_aligned_width(column) + GAP for _, column in found.table.items()]
        if sum(widths) - GAP <= letters or len(found.table.columns) <= found.keys:
            break
    return found


def _aligned_width(column: "pd.Series[str]") -> int:
    parts = number_parts(column)
    return max(width(column), 1 + sum(max(map(len, each)) for each in zip(*parts, strict=True)) if parts else 0)


def _column(column: "pd.Series[str]", bold: Sequence[bool]) -> tuple[str, str, list[str]]:
    """The layout of a column, its heading and its cells: of numbers up to three columns, before and behind the point
    and bounds."""
    words = [latex_text(line) for line in fill(str(column.name), width(column) - GAP).split("\n")]
    heading = words[0] if len(words) == 1 else rf"\shortstack[l]{{{BREAK.join(words)}}}"
    parts = number_parts(column)
    if parts:
        there = [place for place in range(3) if place == 0 or any(part[place] for part in parts)]
        cells = [" & ".join((_signed, latex_text, latex_text)[place](part[place]) for place in there) for part in parts]
        layout = "".join(("r", "@{}l", "@{ }l")[place] for place in there)
        side = "r" if layout == "r" else "l"
        return layout, rf"\multicolumn{{{len(there)}}}{{{side}}}{{{heading}}}", cells
    texts = [latex_text(text) for text in column]
    if column.str.contains("\n").any():
        return f"p{{{width(column) * POINTS:.0f}pt}}", heading, [rf"\raggedright {text}" for text in texts]
    side = "r" if all(map(is_number, filter(None, column))) else "l"
    marked = zip(texts, bold or [False] * len(texts), strict=True)
    return side, heading, [rf"\textbf{{{text}}}" if is_bold else text for text, is_bold in marked]


def _signed(whole: str) -> str:
    """A number's part before the point, its sign as long as a minus is."""
    return "$-$" + latex_text(whole[1:]) if whole.startswith("-") else latex_text(whole)


def latex_text(text: str) -> str:
    """Text whose letters LaTeX prints as they are."""
    return "".join(LATEX_SYMBOLS.get(letter, letter) for letter in text)
