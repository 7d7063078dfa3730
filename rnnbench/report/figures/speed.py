"""How fast each cell is, backend by backend, against the floor and against torch.nn."""

from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, NullFormatter

from rnnbench.analysis import speed
from rnnbench.analysis.results import Results
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import TEXT_WIDTH, CellStyles, legend_above

MARKERS = {"fused": "o", "torch": "s", "eager": "^", "torch_nn": "x"}
SIZE = {"hidden_size": "H", "steps": "T", "batch": "B", "threads": "threads"}
QUANTITIES = {"times_floor": "time / its matrix products", "speedup_over_torch_nn": "torch.nn's time / time"}


class Speed(Figure):
    """One row per size: a forward and backward pass of each cell by each backend, medians of turns in one process.

    Left: over the cell's bare matrix products (1 is the floor of a plain implementation). Right: how many times faster
    than the module of torch.nn, for which nn.GRU stands beside every GRU. `fused` hands out the gradient through time
    as well. T: steps, B: sequences, H: width.
    """

    columns: ClassVar[tuple[str, ...]] = tuple(speed.SIZES.values())

    def draw(self, results: Results, styles: CellStyles) -> Canvas:
        self.need(results.runs, *self.columns)
        table = speed.speeds(results.runs)
        table = table[table["by"].isin(MARKERS)]
        if table.empty:
            raise ValueError("Speed: needs timed passes, which no run has; add probe=[speed]")
        sizes = [(dict(zip(SIZE, key, strict=True)), group) for key, group in table.groupby(list(SIZE))]
        cells = table["cell"].nunique()
        canvas = Canvas(figsize=(TEXT_WIDTH, 0.5 + (0.55 + 0.17 * cells) * len(sizes)), layout="constrained")
        grid = canvas.subplots(len(sizes), 2, squeeze=False, sharex="col", sharey="row")
        for axes_of_row, (size, of_size) in zip(grid, sizes, strict=True):
            for axes, quantity in zip(axes_of_row, QUANTITIES, strict=True):
                self._panel(axes, of_size, quantity, styles)
            axes_of_row[0].set_title(", ".join(f"{SIZE[name]} {size[name]}" for name in size), loc="left")
        for axes, words in zip(grid[-1], QUANTITIES.values(), strict=True):
            axes.set_xlabel(words)
        legend_above(canvas)
        return canvas

    def _panel(self, axes: Axes, rows: pd.DataFrame, quantity: str, styles: CellStyles) -> None:
        cells = styles.ordered(rows["cell"].unique())
        axes.axvline(1, color="0.3", linewidth=0.8)
        for by, marker in MARKERS.items():
            group = rows[rows["by"] == by]
            if group.empty:
                continue
            places = group["cell"].map(cells.index)
            colours = [styles.of(cell)["color"] for cell in group["cell"]]
            axes.scatter(group[quantity], places, s=26, marker=marker, color=colours)
            axes.scatter([], [], s=26, marker=marker, color="0.3", label=by.replace("_", "."))
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FuncFormatter(_ratio))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set(ylim=(len(cells) - 0.5, -0.5), yticks=range(len(cells)), yticklabels=cells)


def _ratio(value: float, _: float) -> str:
    return f"{value:g}" if value >= 1 else f"1/{1 / value:g}"
