"""How every figure looks: paper sizes, and a colour, line style and marker for each cell."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import matplotlib.style
import seaborn as sns

from rnnbench.analysis.results import FIRST, cell_order
from rnnbench.analysis.variant import Variant
from rnnbench.errors import one_line
from rnnbench.report.cell_names import FAMILIES, family

COLUMN_WIDTH = 3.3
"""Inches: one column of a two-column paper."""
TEXT_WIDTH = 6.8
"""Inches: both columns."""
WIDTHS: Mapping[str, float] = {"column": COLUMN_WIDTH, "text": TEXT_WIDTH}
"""Widths of figures by name."""
_width: ContextVar[float | None] = ContextVar("width", default=None)

DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "p", "<", ">", "h", "d")
SHADES: Mapping[str, tuple[str, str, str]] = {
    "RNN": ("#d1570b", "#8c3300", "#b0704a"),
    "LSTM": ("#0b2f7a", "#3f7fd0", "#245a8f"),
    "GRU": ("#00755c", "#00402f", "#2b9a6f"),
    "other": ("#7a3b86", "#45164f", "#b163b8"),
}
"""By family. All have a contrast of 3 or more on white; the first of each differ in grey as well."""
NEXT_MARKER = 4
"""Markers from one member of a family to the next."""

LARGE, SMALL, SMALLEST = 9, 8, 7
"""Points: of titles and axes' labels; of numbers and legends; of small panels and notes."""
PAPER: Mapping[str, Any] = {
    "font.family": "serif",
    "font.serif": ["STIXGeneral", "Times New Roman", "Times"],  # the first is matplotlib's; a browser has another
    "mathtext.fontset": "stix",
    "font.size": LARGE,
    "axes.labelsize": LARGE,
    "axes.titlesize": LARGE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "figure.titlesize": LARGE,
    "axes.titlepad": 4,
    "axes.labelpad": 2,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "axes.linewidth": 0.6,
    "grid.linewidth": 0.4,
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
    "svg.fonttype": "none",
    "svg.hashsalt": "rnnbench",
}


def text_width() -> float:
    """Inches: the width of a figure of several panels."""
    return _width.get() or TEXT_WIDTH


def column_width() -> float:
    """Inches: the width of a figure of one panel."""
    return _width.get() or COLUMN_WIDTH


@contextmanager
def paper_style(style: str | None = None, width: float | None = None) -> Iterator[None]:
    """Times of 9 and 8 points, thin lines, light grid, text kept as text in PDF and SVG; else matplotlib's default.

    `style` is a style of matplotlib, by name or as a file, on top of this; `width` is that of every figure, in inches.
    """
    own: list[Any] = [{**sns.axes_style("whitegrid"), **PAPER}, *([style] if style else [])]
    token = _width.set(width)
    try:
        with mpl.style.context(["default", *own]):  # whatever the user's matplotlibrc says
            yield
    finally:
        _width.reset(token)


def check_style(style: str | None) -> str | None:
    """The style, if matplotlib has it, or it is a file that matplotlib reads. Raises ValueError otherwise."""
    if style is None or style in mpl.style.available or style == "default":
        return style
    try:
        mpl.rc_params_from_file(style, fail_on_error=True, use_default_template=False)
    except Exception as error:
        known = ", ".join(sorted(mpl.style.available))
        raise ValueError(f"must be a file or a style of matplotlib: {known} ({one_line(error)})") from error
    return style


def ramp(place: int, places: int) -> dict[str, Any]:
    """Line properties of a value of an ordered setting, such as a gain: greys, darker the larger, no cell's colours."""
    return {
        "color": str(0.55 * (1 - place / max(1, places - 1))),
        "linestyle": DASHES[(places - 1 - place) % len(DASHES)],
        "marker": MARKERS[(NEXT_MARKER + place) % len(MARKERS)],
    }


def turn_of_colours(place: int) -> str:
    """The families' colours in turn, for what is no cell: the first of each, then the others."""
    return SHADES[FAMILIES[place % len(FAMILIES)]][place // len(FAMILIES) % 3]


def marked(line: Mapping[str, Any], points: int) -> dict[str, Any]:
    """The look of a line with its marker at up to eight of its points."""
    every = max(1, -(-points // 8))
    start = MARKERS.index(line["marker"]) % 4 * every // 4  # so that markers of several lines stand apart
    return {**line, "markersize": 3.5, "markevery": (start, every)}


@dataclass(frozen=True)
class CellStyles:
    """One colour, dash and marker per cell: the same in every figure of every experiment with the same menu of cells.

    Colours tell families apart; the members of one, and all cells on a page without colour, dashes and markers.
    """

    known: Sequence[str]
    alone: str | None = None
    """The cell of a report of one cell alone, whose variants take the families' colours."""

    def of(self, cell: str, variant: int = 0) -> dict[str, Any]:
        """Line properties of the cell; a cell outside the menu is taken to follow those of its family.

        `variant` counts the variants of the same cell in one panel, which share its colour and marker and differ in
        dash.
        """
        own = family(cell)
        members = sorted({each for each in (*FIRST, *self.known) if family(each) == own}, key=cell_order)
        place, first = members.index(cell) if cell in members else len(members), FAMILIES.index(own)
        return {
            "color": SHADES[own][1 + (place - 1) % 2 if place else 0],  # that of the first of a family is its alone
            "linestyle": DASHES[(first + place + variant) % len(DASHES)],
            "marker": MARKERS[(first + NEXT_MARKER * place) % len(MARKERS)],
        }

    def of_variants(self, cell: str, variants: Sequence[Variant]) -> list[dict[str, Any]]:
        """Line properties of a cell's variants: of one colour with a dash each, or, of a report's only cell with more
        variants than dashes, colours for the values of the setting that has most, dashes for those of the others, and a
        marker each.
        """
        if cell != self.alone or len(variants) <= len(DASHES):
            return [self.of(cell, place) for place in range(len(variants))]
        settings = [{name: str(value) for name, value in each.settings} for each in variants]
        names = {name for each in settings for name in each}
        widest = max(sorted(names), key=lambda name: len({each.get(name, "") for each in settings}))
        values = [each.pop(widest, "") for each in settings]
        others = [" ".join(each.values()) for each in settings]
        colours, dashes = sorted(set(values)), sorted(set(others))
        return [
            {
                "color": turn_of_colours(colours.index(value)),
                "linestyle": DASHES[dashes.index(other) % len(DASHES)],
                "marker": MARKERS[place % len(MARKERS)],
            }
            for place, (value, other) in enumerate(zip(values, others, strict=True))
        ]

    def ordered(self, cells: Iterable[str]) -> list[str]:
        """The cells in the order in which figures show them."""
        return sorted(cells, key=cell_order)
