"""How every figure looks: paper sizes, and a colour, line style and marker for each cell."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.style
import seaborn as sns

from rnnbench.analysis.results import FIRST, cell_order
from rnnbench.errors import one_line

COLUMN_WIDTH = 3.3
"""Inches: one column of a two-column paper."""
TEXT_WIDTH = 6.8
"""Inches: both columns."""
WIDTHS: Mapping[str, float] = {"column": COLUMN_WIDTH, "text": TEXT_WIDTH}
"""Widths of figures by name."""
_width: ContextVar[float | None] = ContextVar("width", default=None)

DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
HUES = [sns.color_palette("colorblind")[index] for index in (3, 0, 2, 1, 4, 5, 8, 7)]
SHADES = ((1.0, 0.0), (0.6, 0.0), (1.0, 0.4), (0.35, 0.0))
"""Of each round of the hues: its share of the hue's brightness and of white."""
PALETTE = [
    tuple(part * (1 - white) * bright + white for part in (*HUES[turn:], *HUES[:turn])[place])
    for turn, (bright, white) in enumerate(SHADES)
    for place in range(len(HUES))
]
"""The hues, each round turned by one and of another shade, so that cells with one marker differ in hue as well."""

PAPER: Mapping[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
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
    """8-point sans serif, thin lines, light grid, text kept as text in PDF and SVG; all else is matplotlib's default.

    `style` is a style of matplotlib, by name or as a file, on top of this; `width` is that of every figure, in inches.
    """
    settings: dict[Any, Any] = {**sns.axes_style("whitegrid"), **PAPER}
    token = _width.set(width)
    try:
        with mpl.rc_context():
            mpl.style.use("default")  # whatever the user's matplotlibrc says
            mpl.rcParams.update(settings)
            if style is not None:
                mpl.style.use(style)
            yield
    finally:
        _width.reset(token)


def check_style(style: str | None) -> str | None:
    """The style, if matplotlib has it, or it is a file that matplotlib reads. Raises ValueError otherwise."""
    if style is None or style in mpl.style.available or style == "default":
        return style
    if not Path(style).is_file():
        raise ValueError(f"must be a file or a style of matplotlib: {', '.join(sorted(mpl.style.available))}")
    try:
        mpl.rc_params_from_file(style, fail_on_error=True, use_default_template=False)
    except Exception as error:
        raise ValueError(one_line(error)) from error
    for line in Path(style).read_text(encoding="utf-8").splitlines():  # matplotlib passes over what it does not know
        key = line.partition("#")[0].partition(":")[0].strip()
        if key and key not in mpl.rcParams:
            raise ValueError(f"{key}: is no setting of matplotlib")
    return style


def look(place: int, variant: int = 0) -> dict[str, Any]:
    """Line properties by a place in the palette: neighbours differ in colour and dash, and rounds of hues in dash."""
    dash = place + place // len(HUES) + variant
    return {"color": PALETTE[place % len(PALETTE)], "linestyle": DASHES[dash % len(DASHES)]}


def marker_of(line: Mapping[str, Any]) -> str:
    """The marker that goes with a line's colour."""
    return MARKERS[PALETTE.index(line["color"]) % len(MARKERS)]


def marked(line: Mapping[str, Any], points: int) -> dict[str, Any]:
    """The look of a line with its marker at up to eight of its points."""
    every = max(1, -(-points // 8))
    place = PALETTE.index(line["color"]) % len(HUES)
    start = place * every // len(HUES)  # so that markers of several lines stand apart
    return {**line, "marker": marker_of(line), "markersize": 3.5, "markevery": (start, every)}


@dataclass(frozen=True)
class CellStyles:
    """One colour, dash and marker per cell: the same in every figure of every experiment with the same menu of cells.

    Dashes and markers tell cells apart where a page is printed without colour.
    """

    known: Sequence[str]

    def of(self, cell: str, variant: int = 0) -> dict[str, Any]:
        """Line properties of the cell; a cell outside the menu is taken to follow it.

        `variant` counts the variants of the same cell in one panel, which share its colour and marker and differ in
        dash.
        """
        order = sorted({*FIRST, *self.known}, key=cell_order)
        return look(order.index(cell) if cell in order else len(order), variant)

    def ordered(self, cells: Iterable[str]) -> list[str]:
        """The cells in the order in which figures show them."""
        return sorted(cells, key=cell_order)
