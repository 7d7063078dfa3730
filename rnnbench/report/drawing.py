"""What figures have in common: lines and panels of runs, grids of panels, legends, axes, the note on missing runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import Variant
from rnnbench.report.cell_names import cell_name
from rnnbench.report.labels import cell_label, incomplete, task_title, variant_label
from rnnbench.report.style import TEXT_WIDTH, CellStyles, column_width, look, text_width
from rnnbench.schema import TASK_GROUP

Line = tuple[str, pd.DataFrame, dict[str, Any]]
"""A line of a panel: its label, its rows, and how it looks."""

PANEL_WIDTH = 2.2
"""Inches that a panel in a row of several needs."""
MOST_LINES = 6
"""In a panel; cells without variants always share one."""
MOST_CELLS = 8
"""In one panel, which is how many colours and markers there are. More cells have a panel, or a row of dots, each."""
SMALL_PANELS = 6
"""To a row, of such panels."""
ROW_OF_LEGEND, ROW_OF_DOTS, ROW_OF_NOTE = 0.16, 0.15, 0.11
"""Inches."""


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


def lines(table: pd.DataFrame, styles: CellStyles) -> Iterator[Line]:
    """A panel's lines, one for each cell and variant."""
    for cell in styles.ordered(table["cell"].unique()):
        of_cell = table[table["cell"] == cell]
        for place, (variant, group) in enumerate(of_cell.groupby("variant", sort=False)):
            yield cell_label(cell, cast(Variant, variant), brief=True), group, styles.of(cell, place)


def line_panels(runs: pd.DataFrame, styles: CellStyles) -> list[tuple[str, list[Line]]]:
    """Panels with their titles and lines: one per task, or where that were too many lines one per task and cell.

    In the latter a colour is a variant, the same in all panels, or of cells without variants the cell's own.
    """
    found: list[tuple[str, list[Line]]] = []
    variants = list(dict.fromkeys(runs["variant"]))
    tasks = by_task(runs)
    for title, of_task in tasks:
        of_panel, cells = list(lines(of_task, styles)), of_task["cell"].nunique()
        if len(of_panel) <= MOST_LINES or len(of_panel) == cells <= MOST_CELLS:
            found.append((title, of_panel))
            continue
        for cell, of_cell in by_cell(of_task, styles):
            apart = list(lines(of_cell, styles))
            if len(of_panel) > cells:
                groups = of_cell.groupby("variant", sort=False)
                apart = [(variant_label(cast(Variant, variant), brief=True), group, look(variants.index(variant)))
                         for variant, group in groups]  # fmt: skip
            found.append((f"{title}: {cell_name(cell)}" if len(tasks) > 1 else cell_name(cell), apart))
    return found


def grid(
    titles: Sequence[str],
    small: bool,
    xlabel: str,
    ylabel: str = "",
    columns: int | None = None,
    row_height: float = 2.2,
) -> tuple[Canvas, list[Axes]]:
    """A canvas with a panel for each title in rows; small ones share their axes and have numbers at its edges alone."""
    room = text_width()
    if small:
        columns = max(1, int(SMALL_PANELS * room / TEXT_WIDTH))
    elif columns is None:  # as many to a row as there is width for, which is three, and two for four
        fitting = max(1, int(room / PANEL_WIDTH))
        columns = 2 if len(titles) == 4 and fitting == 3 else fitting
    columns = min(columns, len(titles))
    rows = -(-len(titles) // columns)
    size = (room, 0.9 * rows + 0.6) if small else (column_width() if columns == 1 else room, row_height * rows + 0.3)
    canvas = Canvas(figsize=size, layout="constrained")
    panels: list[Axes] = canvas.subplots(rows, columns, squeeze=False, sharex=small, sharey=small).ravel().tolist()
    for number, axes in enumerate(panels):
        if small:
            axes.tick_params(labelsize=6, length=2, pad=1)
        if number >= len(titles):
            axes.set_axis_off()
        elif small:
            small_title(axes, titles[number])
            axes.tick_params(labelbottom=number + columns >= len(titles))
        else:
            axes.set(title=titles[number], xlabel=xlabel, ylabel=ylabel if number % columns == 0 else "")
    if small:
        canvas.supxlabel(xlabel, fontsize=8)
        canvas.supylabel(ylabel, fontsize=8)
    return canvas, panels[: len(titles)]


def small_title(axes: Axes, title: str, room: int = 17) -> None:
    """A title that the panel has room for, letters of 7 points: of a task and a cell the task is above the cell."""
    size = min(7.0, 7 * room / max(map(len, title.split(": "))))
    axes.set_title(title.replace(": ", ":\n"), fontsize=size, pad=2)


def dot_rows(axes: Axes, labels: Sequence[str]) -> None:
    """An axis with a row for each label, the first on top."""
    axes.set(ylim=(len(labels) - 0.5, -0.5))
    axes.set_yticks(range(len(labels)), labels, fontsize=7 if len(labels) <= 40 else 6)
    axes.grid(visible=False, axis="y")


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


def band() -> Patch:
    """A handle for a band, in grey."""
    return Patch(color="0.3", alpha=0.2, linewidth=0)


def mark(marker: str, size: float = 4, hollow: bool = False, **properties: Any) -> Line2D:
    """A handle for a marker, in grey."""
    face = "none" if hollow else "0.3"
    return Line2D(
        [], [], color="0.3", linestyle="none", marker=marker, markersize=size, markerfacecolor=face, **properties
    )


def say_empty(axes: Axes, text: str) -> None:
    """Say in a panel why there is nothing in it."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="firebrick", fontsize=7)
    axes.set(xticks=[], yticks=[])


def mark_incomplete(canvas: Canvas, results: Results) -> None:
    """Say below the figure what is missing, unfinished, failed or diverged."""
    found = incomplete(results)
    if not found:
        return
    shown = [*found[:3], f"and {len(found) - 3} more"] if len(found) > 4 else found
    canvas.set_figheight(canvas.get_figheight() + ROW_OF_NOTE * (1 + len(shown)))
    note = "\n".join(["Incomplete.", *shown])
    canvas.supxlabel(note, fontsize=6, color="firebrick", x=0.01, ha="left", parse_math=False)
