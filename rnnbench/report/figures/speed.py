"""Time of a forward and backward pass by each implementation, against a torch.mm loop and against torch.nn."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from rnnbench.analysis import speed
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.cell_names import cell_name
from rnnbench.report.component import Figure
from rnnbench.report.style import CellStyles, text_width
from rnnbench.report.tables.speed import NAMES

MARKERS = {"fused": "o", "torch": "s", "eager": "^", "torch_compile": "v", "torch_nn": "x", "torch_mm": "|"}
SIZE = {"hidden_size": "H", "steps": "T", "batch": "B", "threads": "threads"}
QUANTITIES = {
    "pass_s": "time (ms)",
    "fraction_of_peak": "rate / torch.mm",
    "time_over_torch_mm": "time / torch.mm",
    "speedup_over_torch_nn": "torch.nn / time",
}
NARROW = ("pass_s", "speedup_over_torch_nn")
"""In one column of a paper."""
RATIOS = ("time_over_torch_mm", "speedup_over_torch_nn")


class Speed(Figure):
    """Time of a forward and backward pass of each cell by each implementation, one row per size.

    From left to right: the median time with its quartiles, and the fastest time as a faint marker; the rate of the
    fastest over that of a large product of torch.mm in the same process; the median over that of the cell's matrix
    products alone, in a loop of torch.mm, which is a yardstick and no bound; the speed-up over the module of
    torch.nn, which is nn.GRU for every GRU. All repetitions were interleaved in one process; `fused` computes the
    gradient through time as well. A figure of one column has the first and last of these.
    T: time steps, B: batch size, H: hidden units.
    """

    needs = tuple(speed.SIZES.values())

    def caption(self, results: Results) -> list[str]:
        """With the machine that the times were taken on, and how many while other work shared it."""
        rows = speed.speeds(results.runs)
        if rows.empty:
            return super().caption(results)
        said = [f"Taken on {' and on '.join(sorted(rows['processor'].unique()))}."]
        if rows["times_shared"].notna().any():
            shared = rows["times_shared"].isin([True]).mean()
            said.append(f"{f'{shared:.0%}' if shared else 'None'} of the times shared the machine with other work.")
        return [*super().caption(results), " ".join(said)]

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        table = speed.speeds(results.runs)
        if table.empty:
            raise SettingError("needs timed passes, which no run has; add probe=[speed]")
        sizes, height = list(table.groupby(list(SIZE))), 0.8 + 0.2 * table["cell"].nunique()
        shown = QUANTITIES if text_width() >= len(QUANTITIES) * drawing.NARROW_PANEL else NARROW
        canvas, grid = drawing.side_by_side(
            len(sizes), height, [1] * len(shown), sharey=True, panel_width=drawing.NARROW_PANEL
        )
        for axes_of_row, (size, of_size) in zip(grid, sizes, strict=True):
            for axes, quantity in zip(axes_of_row, shown, strict=True):
                self._panel(axes, of_size, quantity, styles)
            named = zip(SIZE.values(), size, strict=True)
            axes_of_row[0].set_title(", ".join(f"{name} {value:,g}" for name, value in named), loc="left")
        for axes, quantity in zip(grid[-1], shown, strict=True):
            axes.set_xlabel(QUANTITIES[quantity])
        return canvas

    def _panel(self, axes: Axes, rows: pd.DataFrame, quantity: str, styles: CellStyles) -> None:
        cells = styles.ordered(rows["cell"].unique())
        for implementation, marker in MARKERS.items():
            group = rows[rows["implementation"] == implementation]
            if group.empty or (implementation == "torch_mm" and quantity in RATIOS):
                continue
            places = group["cell"].map(cells.index)
            colours = [styles.of(cell)["color"] for cell in group["cell"]]
            if quantity == "pass_s":
                _times(axes, group, places, colours, marker)
            else:
                axes.scatter(group[quantity], places, s=26, marker=marker, color=colours)
            axes.scatter([], [], s=26, marker=marker, color="0.3", label=NAMES.get(implementation, implementation))
        if quantity in RATIOS:
            axes.axvline(1, color="0.3", linewidth=0.8)
        if quantity == "fraction_of_peak":
            axes.set_xlim(0, max(1.0, 1.05 * rows[quantity].max(skipna=True)) if rows[quantity].notna().any() else 1.0)
        else:
            base, subs = (2, (1,)) if quantity in RATIOS else (10, (1, 3))
            axes.set_xscale("log", base=base)
            axes.xaxis.set_major_locator(LogLocator(base, subs=subs, numticks=9))
            axes.xaxis.set_major_formatter(FuncFormatter(_ratio) if quantity in RATIOS else "{x:,g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        drawing.dot_rows(axes, list(map(cell_name, cells)))


def _times(axes: Axes, rows: pd.DataFrame, places: "pd.Series[int]", colours: list[Any], marker: str) -> None:
    """Medians with quartiles, and the fastest times, in milliseconds."""
    quartiles = np.array([[1e3 * each for each in value] for value in rows["pass_s"]])
    axes.hlines(places, quartiles[:, 0], quartiles[:, 2], color=colours, linewidth=0.8)
    axes.scatter(1e3 * rows["best_s"], places, s=26, marker=marker, color=colours, alpha=0.35)
    axes.scatter(quartiles[:, 1], places, s=26, marker=marker, color=colours)


def _ratio(value: float, _: float) -> str:
    return f"{value:g}" if value >= 1 else f"1/{1 / value:g}"
