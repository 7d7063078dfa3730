"""How every figure looks: paper sizes, one colour and dash per cell, notes on what is missing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.results import Results

COLUMN_WIDTH = 3.3
"""Inches: one column of a two-column paper."""
TEXT_WIDTH = 6.8
"""Inches: both columns."""

FIRST = ("rnn", "lstm", "gru")
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
PALETTE = [sns.color_palette("colorblind")[index] for index in (3, 0, 2, 1, 4, 5, 8, 7)]


@dataclass(frozen=True)
class CellStyles:
    """One colour and dash per cell: the same in every figure of every experiment with the same menu of cells."""

    known: Sequence[str]

    def of(self, cell: str) -> dict[str, Any]:
        """Line properties of the cell; a cell outside the menu is taken to follow it."""
        order = [*FIRST, *sorted(set(self.known) - set(FIRST))]
        index = order.index(cell) if cell in order else len(order)
        return {"color": PALETTE[index % len(PALETTE)], "linestyle": DASHES[index // len(PALETTE) % len(DASHES)]}


@contextmanager
def paper_style() -> Iterator[None]:
    """8-point sans serif, thin lines, light grid, text kept as text in PDF."""
    settings = {
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
    }
    with mpl.rc_context(settings):
        yield


def panel_titles(results: Results) -> dict[tuple[str, str], str]:
    """The tasks of an experiment as panels: (task, task setting) -> title."""
    pairs = results.runs[["task", "task_setting"]].drop_duplicates().itertuples(index=False, name=None)
    return {(task, setting): f"{task.replace('_', ' ')}, {setting}".rstrip(", ") for task, setting in pairs}


def panel_grid(rows: int, columns: int, row_height: float = 2.2) -> tuple[Canvas, list[list[Axes]]]:
    """A canvas as wide as its panels need, a column of the paper for one, and its panels by row."""
    width = COLUMN_WIDTH if columns == 1 else TEXT_WIDTH
    canvas = Canvas(figsize=(width, row_height * rows + 0.3), layout="constrained")
    return canvas, canvas.subplots(rows, columns, squeeze=False).tolist()


def legend_above(canvas: Canvas) -> None:
    """One legend for all panels, above them, each label once."""
    handles: dict[str, Any] = {}
    for axes in canvas.axes:
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    canvas.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=min(5, len(handles)))


def mark_incomplete(canvas: Canvas, results: Results) -> None:
    """Say below the figure what is missing, unfinished, failed or diverged."""
    lines = results.incomplete()
    if not lines:
        return
    shown = [*lines[:3], f"and {len(lines) - 3} more"] if len(lines) > 4 else lines
    canvas.supxlabel("\n".join(["Incomplete.", *shown]), fontsize=6, color="firebrick", x=0.01, ha="left")
