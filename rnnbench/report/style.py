"""How every figure looks: paper sizes, a colour and line style for each cell, legends, a note on missing runs."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import matplotlib.style
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from rnnbench.analysis.results import FIRST, Results, cell_order
from rnnbench.analysis.variant import Variant
from rnnbench.errors import one_line
from rnnbench.report.incomplete import incomplete
from rnnbench.report.labels import cell_label, task_title, variant_label
from rnnbench.schema import TASK_GROUP

COLUMN_WIDTH = 3.3
"""Inches: one column of a two-column paper."""
TEXT_WIDTH = 6.8
"""Inches: both columns."""

WIDTHS: Mapping[str, float] = {"column": COLUMN_WIDTH, "text": TEXT_WIDTH}
"""Widths of figures by name."""
PANEL_WIDTH = 2.2
"""Inches that a panel in a row of several needs."""
_width: ContextVar[float | None] = ContextVar("width", default=None)

FORMULA = "formula"
"""The gid of text whose dollar signs enclose a formula. In all other text they stand for themselves."""

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
        return _look(self.place(cell), variant)

    def marker(self, cell: str) -> str:
        """The cell's marker."""
        return marker_of(self.of(cell))

    def ordered(self, cells: Iterable[str]) -> list[str]:
        """The cells in the order in which figures show them."""
        return sorted(cells, key=cell_order)

    def place(self, cell: str) -> int:
        """The cell's place in that order."""
        order = sorted({*FIRST, *self.known}, key=cell_order)
        return order.index(cell) if cell in order else len(order)


Line = tuple[str, pd.DataFrame, dict[str, Any]]
"""A line of a panel: its label, its rows, and how it looks."""

MOST_LINES = 6
"""In a panel; cells without variants always share one."""
MOST_CELLS = 8
"""In one panel, which is how many colours and markers there are. More cells have a panel, or a row of dots, each."""
SMALL_PANELS = 6
"""To a row, of such panels."""
ROW_OF_LEGEND = 0.16
"""Inches."""
ROW_OF_DOTS = 0.15
"""Inches."""
ROW_OF_NOTE = 0.11
"""Inches."""
OTHERS: Mapping[str, Any] = {"color": "0.85", "linewidth": 0.5, "zorder": 0.5, "label": "_other cells"}
"""The look of other cells' lines in the panel of one cell."""


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
    settings: dict[Any, Any] = {
        **sns.axes_style("whitegrid"),
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


def check_style(style: str) -> None:
    """Raise ValueError unless matplotlib has the style, or it is a file that matplotlib reads."""
    if style in mpl.style.available or style == "default":
        return
    if not Path(style).is_file():
        raise ValueError(f"must be a file or a style of matplotlib: {', '.join(sorted(mpl.style.available))}")
    complaints = _Complaints()
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.WARNING)
    logger.addHandler(complaints)
    try:
        mpl.rc_params_from_file(style, use_default_template=False)
    except Exception as error:
        raise ValueError(one_line(error)) from error
    finally:
        logger.removeHandler(complaints)
        logger.setLevel(level)
    if complaints.messages:
        raise ValueError(complaints.messages[0])


class _Complaints(logging.Handler):
    """What matplotlib says of lines of a style file that it passes over."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(" ".join(record.getMessage().split()))


def labelled(table: pd.DataFrame, styles: CellStyles) -> Iterator[Line]:
    """A panel's lines, one for each cell and variant."""
    for cell in styles.ordered(table["cell"].unique()):
        of_cell = table[table["cell"] == cell]
        for place, (variant, group) in enumerate(of_cell.groupby("variant", sort=False)):
            yield cell_label(cell, cast(Variant, variant), brief=True), group, styles.of(cell, place)


def has_many_cells(runs: pd.DataFrame) -> bool:
    """Whether a task has more cells than one panel has distinguishable lines."""
    return bool(runs.groupby(TASK_GROUP)["cell"].nunique().max() > MOST_CELLS)


def line_panels(runs: pd.DataFrame, styles: CellStyles) -> list[tuple[str, list[Line]]]:
    """Panels with their titles and lines: one per task, or where that were too many lines one per task and cell.

    In the latter a colour is a variant, the same in all panels. A title of many cells is the cell's name; the panels of
    a task follow each other.
    """
    found: list[tuple[str, list[Line]]] = []
    variants = list(dict.fromkeys(runs["variant"]))
    tasks = task_panels(runs)
    for title, of_task in tasks:
        lines = list(labelled(of_task, styles))
        cells = of_task["cell"].nunique()
        if len(lines) == cells > MOST_CELLS:
            found += [(f"{title}: {line[0]}" if len(tasks) > 1 else line[0], [line]) for line in lines]
            continue
        if len(lines) <= MOST_LINES or len(lines) == cells:
            found.append((title, lines))
            continue
        for cell in styles.ordered(of_task["cell"].unique()):
            of_cell = of_task[of_task["cell"] == cell].groupby("variant", sort=False)
            lines = [
                (variant_label(cast(Variant, variant), brief=True), group, _look(variants.index(variant)))
                for variant, group in of_cell
            ]
            found.append((f"{title}: {cell}" if len(tasks) > 1 else cell, lines))
    return found


def task_panels(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each task and difficulty, with the title of their panel."""
    groups = table.groupby(TASK_GROUP, sort=False)
    return [(task_title(dict(zip(TASK_GROUP, key, strict=True))), group) for key, group in groups]


def _look(index: int, variant: int = 0) -> dict[str, Any]:
    """Neighbours differ in colour, dash and marker; the dash moves on with each round of the markers."""
    dash = index + index // len(HUES) + variant
    return {"color": PALETTE[index % len(PALETTE)], "linestyle": DASHES[dash % len(DASHES)]}


def panels_in_rows(count: int) -> int:
    """How many panels to a row: as many as there is width for, which is three, and two for four."""
    fitting = max(1, int(text_width() / PANEL_WIDTH))
    return 2 if count == 4 and fitting == 3 else min(fitting, count)


def panel_grid(rows: int, columns: int, row_height: float = 2.2) -> tuple[Canvas, list[list[Axes]]]:
    """A canvas as wide as its panels need, a column of the paper for one, and its panels by row."""
    width = column_width() if columns == 1 else text_width()
    canvas = Canvas(figsize=(width, row_height * rows + 0.3), layout="constrained")
    return canvas, canvas.subplots(rows, columns, squeeze=False).tolist()


def small_panel_grid(count: int) -> tuple[Canvas, list[Axes]]:
    """A canvas of small panels in rows, which share their axes and have numbers at its edges alone."""
    columns = min(max(1, int(SMALL_PANELS * text_width() / TEXT_WIDTH)), count)
    rows = -(-count // columns)
    canvas = Canvas(figsize=(text_width(), 0.9 * rows + 0.6), layout="constrained")
    grid = canvas.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    panels = grid.ravel().tolist()
    for number, axes in enumerate(panels):
        axes.tick_params(labelsize=6, length=2, pad=1)
        if number >= count:
            axes.set_axis_off()
        elif number + columns >= count:
            axes.tick_params(labelbottom=True)
    return canvas, panels[:count]


def small_title(axes: Axes, title: str, room: int = 17) -> None:
    """A title that the panel has room for, letters of 7 points: of a task and a cell the task is above the cell."""
    size = min(7.0, 7 * room / max(map(len, title.split(": "))))
    axes.set_title(title.replace(": ", ":\n"), fontsize=size, pad=2)


def dot_rows(axes: Axes, labels: Sequence[str]) -> None:
    """An axis with a row for each label, the first on top."""
    axes.set(ylim=(len(labels) - 0.5, -0.5))
    axes.set_yticks(range(len(labels)), labels, fontsize=7 if len(labels) <= 40 else 6)
    axes.grid(visible=False, axis="y")


def marked(style: Mapping[str, Any], points: int, size: float = 3.5) -> dict[str, Any]:
    """The look of a line with its cell's marker at up to eight of its points."""
    every = max(1, -(-points // 8))
    place = PALETTE.index(style["color"]) % len(HUES)
    start = place * every // len(HUES)  # so that markers of several lines stand apart
    return {**style, "marker": marker_of(style), "markersize": size, "markevery": (start, every)}


def marker_of(style: Mapping[str, Any]) -> str:
    """The marker that goes with a line's colour."""
    return MARKERS[PALETTE.index(style["color"]) % len(MARKERS)]


def legend_above(canvas: Canvas, explained: Mapping[str, Any] | None = None, title: str | None = None) -> None:
    """One legend for all panels, above them, each label once; after the lines what is `explained`, below a title.

    `explained` are handles by label, for what no panel labels: dots, bands.
    """
    handles: dict[str, Any] = {}
    for axes in canvas.axes:
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    handles |= {label: handle for label, handle in (explained or {}).items() if label not in handles}
    if not handles:
        return
    width_of_entry = 0.5 + 0.058 * max(map(len, handles))
    columns = max(1, min(len(handles), int(canvas.get_figwidth() / width_of_entry)))
    rows = -(-len(handles) // columns) + (title is not None)
    canvas.set_figheight(canvas.get_figheight() + ROW_OF_LEGEND * (rows - 1))
    labels = [label for column in range(columns) for label in list(handles)[column::columns]]  # read row by row
    canvas.legend(
        [handles[label] for label in labels], labels, loc="outside upper center", ncols=columns, title=title,
        title_fontsize=7,
    )  # fmt: skip


def log_axis(axes: Axes) -> None:
    """A logarithmic y axis with at least two numbers, within a decade too."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    for subs in ((1,), (1, 2, 5), tuple(range(1, 10))):
        ticks = LogLocator(subs=subs, numticks=6).tick_values(low, high)
        if sum(low <= tick <= high for tick in ticks) > 1:
            break
    else:
        ticks = MaxNLocator(4).tick_values(low, high)
    if len(subs) == 1:
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
    else:
        shown = [float(tick) for tick in ticks if low <= tick <= high]
        axes.set_yticks(shown, [f"{tick:.3g}" for tick in shown])
    axes.yaxis.set_minor_formatter(NullFormatter())


def band(label: str = "") -> Patch:
    """A handle for a band, in grey."""
    return Patch(color="0.3", alpha=0.2, linewidth=0, label=label)


def mark(marker: str, size: float = 4, hollow: bool = False, **look: Any) -> Line2D:
    """A handle for a marker, in grey."""
    face = "none" if hollow else "0.3"
    return Line2D([], [], color="0.3", linestyle="none", marker=marker, markersize=size, markerfacecolor=face, **look)


def say_empty(axes: Axes, text: str) -> None:
    """Say in a panel why there is nothing in it."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="firebrick", fontsize=7)
    axes.set(xticks=[], yticks=[])


def take_literally(canvas: Canvas) -> None:
    """Show each name as it is: a dollar sign in one begins no formula."""
    for text in canvas.findobj(Text):
        if isinstance(text, Text) and text.get_gid() != FORMULA:
            text.set_text(_literal(text.get_text()))
    for axis in (axis for axes in canvas.axes for axis in (axes.xaxis, axes.yaxis)):
        formatter = axis.get_major_formatter()
        if isinstance(formatter, FuncFormatter):  # of set_ticks with labels
            axis.set_major_formatter(FuncFormatter(partial(_shown_literally, formatter.func)))


def _shown_literally(shown: Callable[..., str], value: float, place: int | None = None) -> str:
    return _literal(shown(value, place))


def _literal(text: str) -> str:
    return text.replace("$", r"\$")


def mark_incomplete(canvas: Canvas, results: Results) -> None:
    """Say below the figure what is missing, unfinished, failed or diverged."""
    lines = incomplete(results)
    if not lines:
        return
    shown = [*lines[:3], f"and {len(lines) - 3} more"] if len(lines) > 4 else lines
    canvas.set_figheight(canvas.get_figheight() + ROW_OF_NOTE * (1 + len(shown)))
    canvas.supxlabel("\n".join(["Incomplete.", *shown]), fontsize=6, color="firebrick", x=0.01, ha="left")
