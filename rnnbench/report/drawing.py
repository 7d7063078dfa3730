"""What figures have in common: lines and panels of runs, grids of panels, legends, axes, the note on missing runs."""

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import TextPath
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter, NullLocator

from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import Variant
from rnnbench.report.cell_names import cell_name
from rnnbench.report.labels import cell_label, diverged, incomplete, task_title, variant_label
from rnnbench.report.style import LARGE, SMALL, SMALLEST, TEXT_WIDTH, CellStyles, column_width, ramp, text_width
from rnnbench.schema import TASK_GROUP

Line = tuple[str, pd.DataFrame, dict[str, Any]]
"""A line of a panel: its label, its rows, and how it looks."""

MOST_CELLS = 8
"""In one panel, which is how many lines can be told apart. More cells have a panel, or a row of dots, each."""
PANEL_WIDTH, NARROW_PANEL = 2.2, 1.5
"""Inches that a panel in a row of several needs, and in a figure of one column."""
MOST_LINES = 6
"""In a panel; cells without variants always share one."""
SMALL_PANELS = 6
"""To a row, of such panels."""
ROW_OF_LEGEND, ROW_OF_DOTS, ROW_OF_NOTE, ROW_OF_TITLE = 0.16, 0.16, 0.145, 0.14
HIGHEST = 9.0
"""Inches: a page."""
FEW_SEEDS = 10
"""Fewer than these are drawn one by one; more as a band."""
MOST_DOTS = 1000
"""Dots of single runs that a figure may have: each takes room in its file."""
SEED: dict[str, Any] = {"linestyle": "-", "linewidth": 0.5, "alpha": 0.55}


def has_many_cells(runs: pd.DataFrame) -> bool:
    """Whether a task has more cells than one panel has distinguishable lines."""
    return bool(runs.groupby(TASK_GROUP)["cell"].nunique().max() > MOST_CELLS)


def by_task(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each task and difficulty, with the title of their panel."""
    groups = table.groupby(TASK_GROUP, sort=False)
    return [(task_title(dict(zip(TASK_GROUP, key, strict=True))), group) for key, group in groups]


def by_cell(table: pd.DataFrame, styles: CellStyles) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each task, difficulty and cell, with the title of their panel; tasks are named where several are."""
    tasks = by_task(table)
    return [
        (f"{title}: {cell_name(cell)}" if len(tasks) > 1 else cell_name(cell), of_task[of_task["cell"] == cell])
        for title, of_task in tasks
        for cell in styles.ordered(of_task["cell"].unique())
    ]


def task_settings(runs: pd.DataFrame) -> tuple["pd.Series[str]", "pd.Series[Any]"]:
    """By run the settings of its variant that are the task's, such as a group, as text; and the variant without."""

    def part(variant: Variant, own: bool) -> Variant:
        return Variant(tuple(each for each in variant.settings if each[0].startswith("task.") == own))

    variants = runs["variant"]
    return variants.map(lambda of: variant_label(part(of, True))), variants.map(lambda of: part(of, False))


def lines(table: pd.DataFrame, styles: CellStyles) -> Iterator[Line]:
    """A panel's lines, one for each cell and variant."""
    for cell in styles.ordered(table["cell"].unique()):
        of_cell = table[table["cell"] == cell]
        groups = {cast(Variant, variant): group for variant, group in of_cell.groupby("variant", sort=False)}
        for (variant, group), look in zip(groups.items(), styles.of_variants(cell, [*groups]), strict=True):
            yield cell_label(cell, variant, brief=True), group, look


def line_panels(runs: pd.DataFrame, styles: CellStyles) -> list[tuple[str, list[Line]]]:
    """Panels with their titles and lines: one per task, or where that were too many lines one per task and cell.

    In the latter a shade of grey is a variant, the same in all panels; cells without variants keep their colours.
    """
    found: list[tuple[str, list[Line]]] = []
    tasks, variants = by_task(runs), list(dict.fromkeys(runs["variant"]))
    looks = {variant: ramp(place, len(variants)) for place, variant in enumerate(variants)}
    for title, of_task in tasks:
        of_panel, cells = list(lines(of_task, styles)), of_task["cell"].nunique()
        if len(of_panel) <= MOST_LINES or len(of_panel) == cells <= MOST_CELLS:
            found.append((title, of_panel))
            continue
        for name, of_cell in by_cell(of_task, styles):
            apart = [(f"_{label}", group, look) for label, group, look in lines(of_cell, styles)]  # the title's
            if len(of_panel) > cells:
                of_lines = [(group["variant"].iloc[0], group) for _, group, _ in apart]
                apart = [(variant_label(variant, brief=True), group, looks[variant]) for variant, group in of_lines]
            found.append((f"{title}: {name}" if len(tasks) > 1 else name, apart))
    return found


@cache
def inches(text: str, size: float) -> float:
    """The width of a line of text, without markup, in so many points."""
    return float(TextPath((0, 0), text.replace("$", "") or " ", size=size).get_extents().width) / 72


def wrapped(text: str, room: float, size: float = LARGE) -> str:
    """The text in lines of at most so many inches, broken between words; its own line breaks stay."""
    found = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            if line and inches(f"{line} {word}", size) > room:
                found.append(line)
                line = word
            else:
                line = f"{line} {word}".strip() if line else word
        found.append(line)
    return "\n".join(found)


class Canvas(Figure):
    """A figure of at most a page's height, in inches, which gets one legend for all its panels."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, min(HIGHEST, height)), layout="constrained")
        self.explained: dict[str, Any] = {}
        """Handles by label of what no panel labels, such as dots and bands: they stand behind the lines."""
        self.legend_title = ""


def make_higher(canvas: Figure, by: float) -> None:
    """Make room for what stands beside the panels, as long as the page has it."""
    canvas.set_figheight(min(HIGHEST, canvas.get_figheight() + by))


def canvas_of(axes: Axes) -> Canvas:
    """The canvas of a panel."""
    return cast(Canvas, axes.figure)


def grid(
    titles: Sequence[str],
    small: bool,
    xlabel: str,
    ylabel: str = "",
    columns: int | None = None,
    row_height: float = 2.0,
    share: bool = False,
) -> tuple[Canvas, list[Axes]]:
    """A canvas with a panel for each title in rows, as many to a row as there is width for.

    Small panels, and others that `share`, have one range on each axis and numbers at the canvas' edges alone.
    """
    room = text_width()
    is_wide = room > PANEL_WIDTH * 2
    if small:
        columns = max(1, int(SMALL_PANELS * room / TEXT_WIDTH))
    elif columns is None:  # three, or two for four; of a narrow figure two
        fitting = max(1, int(room / (PANEL_WIDTH if is_wide else NARROW_PANEL)))
        columns = 2 if len(titles) == 4 and fitting == 3 else fitting
    columns = min(columns, len(titles))
    rows = -(-len(titles) // columns)
    width = column_width() if columns == 1 and not small else room
    margin = 0.12 if small else 0.35 if share else 0.45 if is_wide else 0.55
    size, of_panel = (SMALLEST if small else LARGE), width / columns - margin
    titles = [wrapped(title.replace(": ", ":\n") if small else title, of_panel, size) for title in titles]
    lines = max((title.count("\n") for title in titles), default=0)
    height = (0.9 if small else min(row_height, 1.25 * width / columns)) + ROW_OF_TITLE * lines
    canvas = Canvas(width, height * rows + (0.6 if small else 0.3))
    share = share or small
    panels: list[Axes] = canvas.subplots(rows, columns, squeeze=False, sharex=share, sharey=share).ravel().tolist()
    for axes in panels[len(titles) :]:
        axes.set_axis_off()
    for number, (axes, title) in enumerate(zip(panels, titles, strict=False)):
        axes.set_title(title, fontsize=size)
        if small:
            axes.tick_params(labelsize=SMALLEST, length=2, pad=1)
        elif len(titles) == 1:
            axes.set(xlabel=xlabel, ylabel=wrapped(ylabel, height - 0.5))
        if share:
            axes.tick_params(labelbottom=number + columns >= len(titles), labelleft=number % columns == 0)
    if len(titles) > 1:
        canvas.supxlabel(xlabel, fontsize=LARGE)
        canvas.supylabel(wrapped(ylabel, height * rows - 0.3), fontsize=LARGE)
    return canvas, panels[: len(titles)]


def side_by_side(
    rows: int,
    height: float,
    ratios: Sequence[float] = (3, 2),
    second_height: float | None = None,
    sharey: bool = False,
    panel_width: float = PANEL_WIDTH,
) -> tuple[Canvas, list[tuple[Axes, ...]]]:
    """Rows of as many panels as there are `ratios`; below each other where each has less than `panel_width` inches."""
    if text_width() >= len(ratios) * panel_width:
        canvas = Canvas(text_width(), 0.4 + height * rows)
        share: Literal["row", "none"] = "row" if sharey else "none"
        found = canvas.subplots(rows, len(ratios), squeeze=False, width_ratios=ratios, sharey=share)
    else:
        heights = [height, *([second_height or height] * (len(ratios) - 1))] * rows
        canvas = Canvas(text_width(), 0.4 + sum(heights))
        found = canvas.subplots(len(heights), 1, squeeze=False, height_ratios=heights).reshape(rows, len(ratios))
    return canvas, [tuple(row) for row in found]


def is_at_left(axes: Axes) -> bool:
    """Whether the panel is in the first column."""
    return cast(SubplotSpec, axes.get_subplotspec()).is_first_col()


def _width(axes: Axes) -> float:
    """Inches of the canvas that the panel's column has."""
    place = cast(SubplotSpec, axes.get_subplotspec())
    ratios = np.asarray(place.get_gridspec().get_width_ratios(), float)
    return float(canvas_of(axes).get_figwidth() * ratios[place.colspan.start] / ratios.sum())


def title(axes: Axes, text: str) -> None:
    """A title in lines that fit the panel."""
    axes.set_title(wrapped(text, _width(axes) - 0.6))


def dot_rows(axes: Axes, labels: Sequence[str]) -> None:
    """An axis with a row for each label, the first on top."""
    axes.set(ylim=(len(labels) - 0.5, -0.5))
    axes.set_yticks(range(len(labels)), labels, fontsize=SMALL if len(labels) <= 40 else 6)
    axes.grid(visible=False, axis="y")


def draw_seeds(axes: Axes, steps: Any, values: Any, colour: Any) -> None:
    """Each run as a thin line, or of ten runs and more a band between their quartiles: values are steps x runs."""
    values = np.asarray(values, float)
    if values.shape[1] < 2:
        return
    if values.shape[1] < FEW_SEEDS:
        axes.plot(steps, values, color=colour, zorder=1.5, **SEED)
        canvas_of(axes).explained["one seed"] = handle(**SEED)
        return
    low, high = np.nanquantile(values, [0.25, 0.75], axis=1, method="nearest")
    axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
    canvas_of(axes).explained["quartiles over seeds"] = band()


def legend_above(canvas: Canvas) -> None:
    """One legend for all panels, above them, each label once; its title alone where there is nothing to explain."""
    handles: dict[str, Any] = {}
    for axes in canvas.axes:
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    handles |= {label: handle for label, handle in canvas.explained.items() if label not in handles}
    room = canvas.get_figwidth()
    title = wrapped(canvas.legend_title, room - 0.2)
    if not handles:
        if title:
            canvas.suptitle(title, fontsize=LARGE)
        return
    columns = _columns_of_legend(list(handles), room)
    lines = -(-len(handles) // columns) + (title.count("\n") + 1 if title else 0)
    make_higher(canvas, ROW_OF_LEGEND * (lines - 1))
    labels = [label for column in range(columns) for label in list(handles)[column::columns]]  # read row by row
    canvas.legend(
        [handles[label] for label in labels], [wrapped(label, room - 0.7, SMALL) for label in labels],
        loc="outside upper center", ncols=columns, title=title or None, handlelength=1.8, columnspacing=1.2,
        handletextpad=0.5,
    )  # fmt: skip


def _columns_of_legend(labels: Sequence[str], room: float) -> int:
    """As many columns, each as wide as its widest label, as there is room for."""
    widths = [inches(label, SMALL) + 0.43 for label in labels]
    for columns in range(len(labels), 1, -1):
        if sum(max(widths[column::columns]) for column in range(columns)) < room - 0.1:
            return columns
    return 1


def log_axis(axes: Axes) -> None:
    """A logarithmic y axis with at least two numbers, within a decade too, none of them rounded to another."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    for subs in ((1,), (1, 3), (1, 2, 5), tuple(range(1, 10))):
        ticks = [sub * 10.0**decade for decade in decades for sub in subs if low <= sub * 10.0**decade <= high]
        if len(ticks) > 1:
            break
    else:
        ticks = [float(tick) for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]
    if len(subs) == 1:
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
    else:
        axes.yaxis.set_major_locator(FixedLocator(ticks))
        axes.yaxis.set_major_formatter("{x:,.10g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def numbers_along(axes: Axes, widest: str) -> int:
    """How many intervals the x axis has room to number, at most four, where one of its numbers is the widest."""
    return max(1, min(4, int((_width(axes) - 0.5) / (inches(widest, SMALL) + 0.15))))


def number_values(axes: Axes, values: Sequence[float]) -> None:
    """Ticks of the x axis at the values, with numbers at as many as have room, the last among them."""
    room = _width(axes) - 0.5
    low, high = axes.get_xlim()
    at = np.log(values) - np.log(low) if axes.get_xscale() == "log" else np.asarray(values) - low
    at = at / (np.log(high / low) if axes.get_xscale() == "log" else high - low) * room
    labels, free = [f"{value:,g}" for value in values], math.inf
    for place in reversed(range(len(values))):
        half = inches(labels[place], SMALL) / 2
        if at[place] + half + 0.05 > free:
            labels[place] = ""
        else:
            free = at[place] - half
    axes.set_xticks(values, labels)
    axes.xaxis.set_minor_locator(NullLocator())


def band(**look: Any) -> Patch:
    """A handle for a band, in grey."""
    properties: dict[str, Any] = {"color": "0.3", "alpha": 0.2, "linewidth": 0} | look
    return Patch(**properties)


def handle(**look: Any) -> Line2D:
    """A handle for a line, in grey."""
    return Line2D([], [], **{"color": "0.3"} | look)


def mark(marker: str, size: float = 4, hollow: bool = False, **look: Any) -> Line2D:
    """A handle for a marker, in grey."""
    face = "none" if hollow else "0.3"
    return handle(linestyle="none", marker=marker, markersize=size, markerfacecolor=face, **look)


def say_empty(axes: Axes, text: str) -> None:
    """Say in a panel why there is nothing in it."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="firebrick", fontsize=SMALLEST)
    axes.set(xticks=[], yticks=[])


def mark_incomplete(canvas: Figure, results: Results) -> None:
    """Say below the figure what is missing, unfinished or failed, and how many runs diverged."""
    found = incomplete(results)
    shown = [*found[:3], f"and {len(found) - 3} more"] if len(found) > 4 else found
    if not (lines := [*diverged(results), *(["Incomplete.", *shown] if shown else [])]):
        return
    note = wrapped("\n".join(lines), canvas.get_figwidth() - 0.2, SMALLEST)
    height = ROW_OF_NOTE * (1 + note.count("\n"))
    make_higher(canvas, height)
    for text in canvas.texts:  # the label of all vertical axes, which would else reach into the note
        text.set_y(text.get_position()[1] + (text.get_rotation() == 90) * height / canvas.get_figheight() / 2)
    if label := canvas.get_supxlabel():  # above the note
        canvas.supxlabel(label, y=(height + 0.03) / canvas.get_figheight(), fontsize=LARGE)
    legend = canvas.legend([], [], loc="outside lower left", title=note, title_fontsize=SMALLEST, frameon=False,
                           borderpad=0, borderaxespad=0.3, handleheight=0)  # fmt: skip
    legend.get_title().set(color="firebrick", parse_math=False)
